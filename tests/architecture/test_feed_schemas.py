"""What is said of the change feed is current, valid, and changes by addition only."""

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from deploy.cli import asyncapi as command
from deploy.cli.feed_tail import TYPES
from schemas.asyncapi import INBOUND, cloud_event_schema
from schemas.change_examples import CHANGES, cloud_event
from schemas.changes import ChangeType, dataschema_of
from schemas.published import dataschemas
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS, TOPICS, TRACKER_EVENTS
from service.api.docs import asyncapi_text

DOCUMENT: dict[str, Any] = json.loads(asyncapi_text())
SOURCES = command.COMMITTED.parent.parent / "deploy/docs/sources.md"
STALE = "run `make asyncapi`, and read what has changed"


def test_the_committed_description_is_current() -> None:
    assert command.COMMITTED.read_text() == asyncapi_text(), STALE


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: json.loads(path.read_text()) for path in command.DATASCHEMAS.glob("*.json")}
    assert committed == dataschemas(), STALE


def test_events_change_by_addition_only() -> None:
    assert command.broken() == []


def test_a_change_that_breaks_subscribers_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    narrower = dataschemas()
    del narrower["contact.deleted.v1.json"]["properties"]["contact_id"]
    monkeypatch.setattr(command, "dataschemas", lambda: narrower)
    before = (command.DATASCHEMAS / "contact.deleted.v1.json").read_text()

    result = CliRunner().invoke(command.asyncapi, ["--write"])

    assert result.exit_code == 1
    assert "contact.deleted.v1.json: data.contact_id is gone." in result.output
    assert (command.DATASCHEMAS / "contact.deleted.v1.json").read_text() == before


@pytest.mark.parametrize("kind", ChangeType)
def test_each_type_has_a_schema_and_an_example_of_it(kind: ChangeType) -> None:
    schema = dataschemas()[f"{kind}.v1.json"]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == dataschema_of(kind)
    Draft202012Validator(schema).validate(CHANGES[kind])
    whole = {**cloud_event_schema(kind, {"$ref": "#/$defs/data"}), "$defs": {"data": {}}}
    Draft202012Validator(whole).validate(cloud_event(kind, CHANGES[kind], 1))
    Draft202012Validator(dataschemas()["event.v1.json"]).validate(cloud_event(kind, CHANGES[kind], 1))


def test_every_topic_and_every_type_is_described() -> None:
    assert set(DOCUMENT["channels"]) == {topic.name for topic in TOPICS}, "say in schemas/asyncapi.py what is on it"
    assert {str(kind) for kind in ChangeType} <= set(DOCUMENT["channels"]["contacts.changes"]["messages"])
    actions = {name: operation["action"] for name, operation in DOCUMENT["operations"].items()}
    assert sorted(actions.values()).count("receive") == len(INBOUND)
    assert len(actions) == len(TOPICS)


def test_feed_tail_can_be_asked_for_each_message() -> None:
    assert {name: set(DOCUMENT["channels"][name]["messages"]) for name in TYPES} == {
        name: set(types) for name, types in TYPES.items()
    }


def _shown_in_sources() -> list[dict[str, Any]]:
    """Every record that the documentation of sources shows."""
    found, decoder = [], json.JSONDecoder()
    for block in re.findall(r"```json\n(.*?)```", SOURCES.read_text(), re.DOTALL):
        rest = block.strip()
        while rest:
            record, end = decoder.raw_decode(rest)
            found.append(record)
            rest = rest[end:].strip()
    return found


@pytest.mark.parametrize(
    "record",
    [
        *_shown_in_sources(),
        {"tenant_id": "acme", "event": "page_view", "timestamp": 1780000000000, "visitorId": 77, "ga_user_id": 1},
        {"tenant_id": "acme", "conversation": {"id": 9001, "created_at": "2026-11-23T09:30:00Z", "contacts": []}},
    ],
    ids=str,
)
def test_what_the_consumers_take_is_what_the_description_of_their_topics_says(record: dict[str, Any]) -> None:
    topic = next(
        name
        for name, field in (
            (INTERCOM_EVENTS, "notification"),
            (INTERCOM_EVENTS, "conversation"),
            (GMAIL_MESSAGES, "kind"),
            (TRACKER_EVENTS, "event"),
        )
        if field in record
    )
    INBOUND[topic][0].model_validate(record)
    payload = DOCUMENT["components"]["messages"][topic]["payload"]
    Draft202012Validator({**payload, "components": DOCUMENT["components"]}).validate(record)
