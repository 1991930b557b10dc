"""What the change feed says of each change, from the request to the record on Kafka."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from deploy.bootstrap import build_core
from schemas.changes import CONTENT_TYPE, ChangeType, dataschemas
from service.kafka.cloudevents import read_event
from service.kafka.publishers import publisher_factory
from service.mongo.store import MongoStore
from service.settings import RelaySettings
from tests.support.api import ApiUser, serve
from tests.support.openapi import strict_schema
from tests.support.relay import read_committed, running
from tests.support.waiting import eventually

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
async def user(store: MongoStore) -> AsyncIterator[ApiUser]:
    """A client of an API over the test's own store."""
    core = build_core(store)
    async with serve(core) as url:
        user = await ApiUser.create(url, core)
        yield user
        await user.close()


async def live(user: ApiUser) -> str:
    """A contact's life with every kind of change; its id."""
    contact_id: str = (await user.create_contact(properties={"city": "Rome"}))["contact_id"]
    path = f"/v1/contacts/{contact_id}"
    update = {"properties": {"city": "Oslo", "plan": {"seats": 3}, "lifecyclestage": "lead"}, "visitor_id": "v-1"}
    assert (await user.request("PUT", path, json=update, headers={"traceparent": TRACE})).status == 200
    traits = {"external_id": "e-1", "traits": {"email": (await user.get(path)).body["contact"]["email"]}}
    assert (await user.post("/v1/identify", traits)).status == 200
    note = (await user.post(f"{path}/notes", {"content": "one"})).body["note"]["note_id"]
    assert (await user.request("PATCH", f"{path}/notes/{note}", json={"content": "two"})).status == 200
    assert (await user.request("DELETE", f"{path}/notes/{note}")).status == 200
    params = {"contact_id": contact_id, "lifecycle_stage": "customer", "reason": "paid"}
    assert (await user.post("/v1/actions", {"type": "update_lifecycle_stage", "params": params})).status == 201
    enrich = {"contact_id": contact_id, "provider": "acme", "properties": {"company": "Acme"}}
    assert (await user.post("/v1/actions", {"type": "enrich_contact", "params": enrich})).status == 201
    assert (await user.request("DELETE", path, headers={"X-Request-Id": "the-last"})).status == 200
    return contact_id


LIFE = [
    "contact.created",
    "contact.updated",
    "contact.lifecycle_stage_changed",
    "contact.identity_linked",
    "contact.identity_linked",
    "note.created",
    "note.updated",
    "note.deleted",
    "contact.updated",
    "contact.lifecycle_stage_changed",
    "action.completed",
    "contact.updated",
    "action.completed",
    "contact.deleted",
]


async def published(
    store: MongoStore, user: ApiUser, kafka_bootstrap: str, topic_prefix: str, mode: Any
) -> tuple[str, list[Any]]:
    """A contact that has lived, and the records on Kafka that tell of it."""
    contact_id = await live(user)
    settings = RelaySettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, relay_content_mode=mode)
    async with running(store.outbox, store.leases, publisher_factory(settings)):
        await eventually(lambda: _drained(store), 30, "all is published")
    return contact_id, await read_committed(kafka_bootstrap, f"{topic_prefix}contacts.changes")


async def _drained(store: MongoStore) -> bool:
    return not await store.outbox.backlog()


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_each_change_is_an_event_as_described(
    store: MongoStore, user: ApiUser, kafka_bootstrap: str, topic_prefix: str, init_topics: list[str], mode: Any
) -> None:
    contact_id, records = await published(store, user, kafka_bootstrap, topic_prefix, mode)

    assert {record.key for record in records} == {contact_id.encode()}
    content_type = CONTENT_TYPE if mode == "structured" else "application/json"
    assert {dict(record.headers)["content-type"] for record in records} == {content_type.encode()}
    events = [read_event(record.headers, record.value) for record in records]
    assert [event["type"] for event in events] == LIFE
    assert set(LIFE) == set(ChangeType)
    assert [event["sequence"] for event in events] == list(range(1, len(LIFE) + 1))
    assert len({event["id"] for event in events}) == len(LIFE)
    schemas = dataschemas()
    for event, record in zip(events, records, strict=True):
        Draft202012Validator(strict_schema(schemas["event.v1.json"])).validate(event)
        schema = strict_schema(schemas[f"{event['type']}.v1.json"])
        assert event["dataschema"] == schema["$id"]
        Draft202012Validator(schema).validate(event["data"])
        assert (event["subject"], event["tenantid"], event["actor"]) == (contact_id, user.tenant_id, user.key_id)
        headers = dict(record.headers)
        assert headers["x-request-id"].decode() == event["requestid"]
        assert headers["traceparent"].decode() == event["traceparent"]
    assert events[-1]["requestid"] == "the-last"


async def test_the_data_says_what_changed(user: ApiUser, store: MongoStore) -> None:
    contact_id = await live(user)
    found = await store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", 1).to_list(None)
    data = [orjson.loads(record["value"])["data"] for record in found]

    assert data[1]["changed"] == {
        "city": {"before": "Rome", "after": "Oslo"},
        "plan": {"before": None, "after": {"seats": 3}},
        "lifecyclestage": {"before": None, "after": "lead"},
    }
    assert data[1]["contact"]["properties"]["city"] == "Oslo"
    assert data[3]["identity"] == {"kind": "visitor", "value": "v-1"}
    assert data[4]["identity"] == {"kind": "external", "value": "e-1"}
    assert data[6]["note"]["content"] == "two"
    assert data[7] == {"note_id": data[6]["note"]["note_id"]}
    stages = {name: data[9][name] for name in ("before", "after", "reason")}
    assert stages == {"before": "lead", "after": "customer", "reason": "paid"}
    assert data[10]["action"]["after"] == {"lifecyclestage": "customer"}
    assert data[-1] == {"contact_id": contact_id}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (TRACE, True),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", False),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        (f"{TRACE}-more", False),
        ("<script>", False),
        (None, False),
    ],
)
async def test_a_trace_is_passed_on_and_begun_where_there_is_none(
    api: ApiUser, shared_store: MongoStore, given: str | None, kept: bool
) -> None:
    headers = {"traceparent": given} if given else {}
    body = {"email": f"{uuid.uuid4().hex}@example.com"}
    made = await api.request("POST", "/v1/contacts", json=body, headers=headers)
    contact_id = made.body["contact"]["contact_id"]
    [record] = await shared_store.database["outbox"].find({"contact_id": contact_id}).to_list(None)
    traced = orjson.loads(record["value"])["traceparent"]
    assert (traced == given) is kept
    version, trace, parent, flags = traced.split("-")
    assert (version, len(trace), len(parent), len(flags)) == ("00", 32, 16, 2)
