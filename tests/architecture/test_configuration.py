"""The reference of settings is current, and every setting is described and read by somebody."""

import ast

import click
import pytest

from deploy.cli.configuration import COMMITTED, commands_of, reference_of
from deploy.cli.main import pathbound
from schemas.topics import TOPICS
from service.settings import ApiSettings, ConsumerSettings, RelaySettings
from tests.architecture.test_imports import MODULES


def test_the_committed_reference_is_current() -> None:
    assert COMMITTED.read_text() == reference_of(pathbound), "run `make configuration`, and read what has changed"


@pytest.mark.parametrize("model", [ApiSettings, RelaySettings, ConsumerSettings])
def test_every_setting_is_described_as_a_sentence(model: type[ApiSettings]) -> None:
    for name, info in model.model_fields.items():
        assert info.description, name
        assert info.description.endswith("."), name
        assert f"`PATHBOUND_{name.upper()}`" in COMMITTED.read_text()


def test_no_client_of_kafka_is_built_without_tls_and_login() -> None:
    """Only `service.kafka.connection` knows the address: who takes it from there takes the rest along."""
    for module, path in MODULES.items():
        if module.startswith("deploy.stack") or module in ("service.kafka.connection", "service.settings"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert "bootstrap_servers" not in [given.arg for given in node.keywords], f"{module}: client_options()"
            if isinstance(node, ast.Attribute) and node.attr == "kafka_bootstrap":
                assert module in ("deploy.cli.up", "service.kafka.topics"), module


def test_every_option_may_be_left_out() -> None:
    """A callback that click cannot call fails whenever its command is given."""
    looked_at = 0
    for _, command in commands_of(pathbound):
        for option in command.params:
            if isinstance(option, click.Option) and option.callback is not None and not option.is_eager:
                option.callback(click.Context(command), option, () if option.multiple else None)
                looked_at += 1
    assert looked_at > 5


def test_the_content_mode_is_asked_of_those_who_publish() -> None:
    """An option without an effect would make somebody believe that `rebuild-snapshot` chooses it, not the relay."""
    asked = {
        name for name, command in commands_of(pathbound) if "relay_content_mode" in {p.name for p in command.params}
    }
    assert asked == {"relay", "feed replay"}


def test_who_makes_topics_by_hand_is_told_all_their_settings() -> None:
    told = COMMITTED.with_name("security.md").read_text()
    missing = {f"{name}={value}" for topic in TOPICS for name, value in topic.config.items()}
    assert [setting for setting in missing if f"`{setting}`" not in told] == []
