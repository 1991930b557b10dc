"""Free JSON means nothing to the service, nor to what it is made of: it is changed and given back exactly."""

from typing import Any

import orjson
import pytest

from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from service.outbox.model import shard_of
from tests.support.api import ApiUser
from tests.support.events import page_view, visitor

REFERENCES: list[dict[str, Any]] = [
    {"$ref": "orders", "$id": 7},
    {"$ref": "orders", "$id": [{"$ref": "", "$id": None}], "$db": "shop", "more": True},
]
"""What MongoDB's drivers take for references to documents."""


@pytest.mark.parametrize("value", REFERENCES)
async def test_an_object_that_looks_like_a_reference_is_an_object(api: ApiUser, value: dict[str, Any]) -> None:
    contact_id = (await api.create_contact(properties={"whole": value, "listed": [value]}))["contact_id"]
    path = f"/v1/contacts/{contact_id}"
    params = {"contact_id": contact_id, "properties": {"whole": None, "other": value}}

    assert (await api.request("PUT", path, json={"properties": {"city": "Rome"}})).status == 200
    acted = await api.post("/v1/actions", {"type": "update_contact", "params": params})

    assert acted.body["action"]["before"] == {"whole": value, "other": None}
    detail = (await api.get(path)).body
    properties = {"listed": [value], "city": "Rome", "other": value}
    assert detail["contact"]["properties"] == {**properties, "email": detail["contact"]["email"]}
    assert detail["actions"] == [acted.body["action"]]
    assert (await api.get("/v1/contacts")).body["contacts"] == [detail["contact"]]
    assert (await api.get("/v1/actions")).body["actions"] == detail["actions"]
    batch = await api.post("/v1/batch/details", {"contact_ids": [contact_id]})
    assert batch.body["contacts"][0]["contact"] == detail["contact"]


@pytest.mark.parametrize("value", REFERENCES)
async def test_so_it_is_in_an_event_which_is_linked_shown_and_told(
    own_api: ApiUser, store: MongoStore, value: dict[str, Any]
) -> None:
    event = page_view(own_api.tenant_id, visitor(own_api.tenant_id, "v"), data=value)
    await build_core(store).ingest([event])

    contact_id = (await own_api.create_contact(visitor_id="v"))["contact_id"]

    shown = {one["event_id"]: one["data"] for one in await own_api.events(contact_id)}
    assert shown[event.event_id] == value
    assert value in [one["data"] for one in (await own_api.get("/v1/events")).body["events"]]
    waiting = [orjson.loads(one.value) for one in await store.untold.unpublished(shard_of(contact_id), 10)]
    assert value in [one["data"]["event"]["data"] for one in waiting]


@pytest.mark.parametrize(
    ("before", "after"),
    [(1, True), (True, 1), (0, False), (1, 1.0), (2.0, 2), (0.0, -0.0), ([1], [True]), ({"a": [0]}, {"a": [False]})],
)
async def test_what_python_takes_for_equal_is_a_change(api: ApiUser, before: Any, after: Any) -> None:
    contact = await api.create_contact(properties={"free": before, "other": 1})

    for properties in ({"free": after}, {"free": before, "other": 2}):
        reply = await api.request("PUT", f"/v1/contacts/{contact['contact_id']}", json={"properties": properties})
        assert repr(reply.body["contact"]["properties"]["free"]) == repr(properties["free"])

    assert reply.body["contact"]["version"] == 3
    changed = [one["data"]["changed"] for one in await api.events(contact["contact_id"]) if "changed" in one["data"]]
    assert changed == [["free", "other"], ["free"]]


async def test_the_same_in_another_order_is_no_change(api: ApiUser) -> None:
    contact = await api.create_contact(properties={"free": {"a": 1, "b": [2**40]}})
    same = {"properties": {"free": {"b": [2**40], "a": 1}}}

    reply = await api.request("PUT", f"/v1/contacts/{contact['contact_id']}", json=same)

    assert reply.body["contact"] == contact


async def test_a_property_may_have_a_fields_name(api: ApiUser) -> None:
    contact_id = (await api.create_contact(properties={"enrichment_status": "cold"}))["contact_id"]
    params = {"contact_id": contact_id, "properties": {"enrichment_status": "hot"}}

    acted = await api.post("/v1/actions", {"type": "update_contact", "params": params})

    assert acted.body["action"]["before"] == {"enrichment_status": "cold"}
    assert acted.body["action"]["after"] == {"enrichment_status": "hot"}
    changed = [one["data"]["changed"] for one in await api.events(contact_id) if "changed" in one["data"]]
    assert changed == [["enrichment_status"]]
