"""The reference of settings is current, and every setting is described and read by somebody."""

import ast

import pytest

from deploy.cli.configuration import COMMITTED, reference_of
from deploy.cli.main import pathbound
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
