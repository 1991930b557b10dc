"""What the change feed says of each change, from the request to the record on Kafka."""

import uuid
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from schemas.changes import CONTENT_TYPE, ChangeType
from schemas.published import dataschemas
from service.kafka.cloudevents import read_event
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.feed import LIFE, TRACE, Feed, live
from tests.support.openapi import strict_schema
from tests.support.relay import read_committed


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_each_change_is_an_event_as_described(feed: Feed, own_api: ApiUser, mode: Any) -> None:
    contact_id = await live(own_api)
    await feed.relay(mode)
    records = await read_committed(feed.bootstrap, feed.name)

    assert {record.key for record in records} == {contact_id.encode()}
    content_type = CONTENT_TYPE if mode == "structured" else "application/json"
    assert {dict(record.headers)["content-type"] for record in records} == {content_type.encode()}
    events = [read_event(record.headers, record.value) for record in records]
    assert [event["type"] for event in events] == LIFE
    # An erasure is told in tests of its own: nothing of this life would be left.
    assert set(LIFE) == set(ChangeType) - {ChangeType.CONTACT_ERASED}
    assert [event["sequence"] for event in events] == list(range(1, len(LIFE) + 1))
    assert len({event["id"] for event in events}) == len(LIFE)
    schemas = dataschemas()
    for event, record in zip(events, records, strict=True):
        Draft202012Validator(strict_schema(schemas["event.v1.json"])).validate(event)
        schema = strict_schema(schemas[f"{event['type']}.v1.json"])
        assert event["dataschema"] == schema["$id"]
        Draft202012Validator(schema).validate(event["data"])
        assert (event["subject"], event["tenantid"], event["actor"]) == (contact_id, own_api.tenant_id, own_api.key_id)
        headers = dict(record.headers)
        assert headers["x-request-id"].decode() == event["requestid"]
        assert headers["traceparent"].decode() == event["traceparent"]
    assert events[-1]["requestid"] == "the-last"


async def test_the_data_says_what_changed(own_api: ApiUser, store: MongoStore) -> None:
    contact_id = await live(own_api)
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
