"""Several contacts in one request: `POST /v1/batch/details` and `/v1/batch/activity`."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.scopes import Scope
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.events import page_view

ROUTES = ("/v1/batch/details", "/v1/batch/activity")


async def contacts(api: ApiUser, count: int) -> list[str]:
    return [(await api.create_contact(properties={"firstname": f"n{n}"}))["contact_id"] for n in range(count)]


async def visits(store: MongoStore, api: ApiUser, contact_id: str, count: int, first: int = 0) -> None:
    """One a minute, from a minute after everything else on."""
    await store.events.insert(
        [replace(page_view(api.tenant_id, minute=100_000 + first + n), contact_id=contact_id) for n in range(count)]
    )


async def test_details_are_those_of_each_contact_in_the_order_asked(api: ApiUser) -> None:
    ids = await contacts(api, 3)
    asked = [ids[2], ids[0], ids[1], ids[2]]

    reply = await api.post("/v1/batch/details", {"contact_ids": asked})
    assert (reply.status, reply.body["status"]) == (200, "success")
    assert [one["contact"]["contact_id"] for one in reply.body["contacts"]] == asked[:3]
    for one in reply.body["contacts"]:
        detail = (await api.get(f"/v1/contacts/{one['contact']['contact_id']}")).body
        assert one == {"contact": detail["contact"], "unified_profile": detail["unified_profile"]}


async def test_what_is_not_there_is_dropped(api: ApiUser, new_user: Any, shared_store: MongoStore) -> None:
    [mine], other = await contacts(api, 1), await new_user()
    [theirs] = await contacts(other, 1)
    await visits(shared_store, other, theirs, 3)
    deleted = (await api.create_contact())["contact_id"]
    assert (await api.request("DELETE", f"/v1/contacts/{deleted}")).status == 200
    asked = {"contact_ids": [theirs, "ct_nobody", deleted, mine, "$where", ".*", "😀"]}

    details = await api.post("/v1/batch/details", asked)
    activity = await api.post("/v1/batch/activity", asked)
    assert [one["contact"]["contact_id"] for one in details.body["contacts"]] == [mine]
    assert [one["contact_id"] for one in activity.body["activity"]] == [mine]
    nothing = {"contact_ids": ["ct_nobody"]}
    assert (await api.post("/v1/batch/details", nothing)).body == {"status": "success", "contacts": []}
    assert (await api.post("/v1/batch/activity", nothing)).body == {"status": "success", "activity": []}


async def test_a_busy_contact_does_not_starve_the_others(api: ApiUser, shared_store: MongoStore) -> None:
    busy, quiet, silent = await contacts(api, 3)
    await visits(shared_store, api, busy, 500, first=1_000)
    await visits(shared_store, api, quiet, 3)

    reply = await api.post("/v1/batch/activity", {"contact_ids": [busy, quiet, silent]})
    assert [one["contact_id"] for one in reply.body["activity"]] == [busy, quiet, silent]
    events = [one["events"] for one in reply.body["activity"]]
    assert [len(one) for one in events] == [10, 4, 1]  # each contact's creation is an event, too
    assert events[1] == (await api.events(quiet))[:10]
    newest = [event["event_id"] for event in (await api.events(busy))[:50]]
    assert [event["event_id"] for event in events[0]] == newest[:10]

    more = await api.post("/v1/batch/activity", {"contact_ids": [busy, quiet], "limit": 50})
    assert [event["event_id"] for event in more.body["activity"][0]["events"]] == newest
    one = await api.post("/v1/batch/activity", {"contact_ids": [busy], "limit": 1})
    assert [event["event_id"] for event in one.body["activity"][0]["events"]] == newest[:1]


async def test_25_at_once(api: ApiUser) -> None:
    ids = await contacts(api, 25)
    for route, name in zip(ROUTES, ("contacts", "activity"), strict=True):
        reply = await api.post(route, {"contact_ids": ids})
        assert len(reply.body[name]) == 25


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "contact_ids"),
        ({"contact_ids": []}, "contact_ids"),
        ({"contact_ids": ["ct"] * 26}, "contact_ids"),
        ({"contact_ids": "ct_1"}, "contact_ids"),
        ({"contact_ids": [1]}, "contact_ids.0"),
        ({"contact_ids": [{"$ne": None}]}, "contact_ids.0"),
        ({"contact_ids": [""]}, "contact_ids.0"),
        ({"contact_ids": ["ct", "a\0b"]}, "contact_ids.1"),
        ({"contact_ids": ["\ud800"]}, "contact_ids.0"),
        ({"contact_ids": ["x" * 129]}, "contact_ids.0"),
        ({"contact_ids": ["ct"], "tenant_id": "t"}, "tenant_id"),
    ],
)
async def test_bad_bodies_are_refused_and_named(api: ApiUser, body: dict[str, Any], field: str) -> None:
    for route in ROUTES:
        reply = await api.post(route, body)
        assert (reply.status, reply.code) == (400, "validation_failed")
        assert field in [detail["field"] for detail in reply.body["details"]]


@pytest.mark.parametrize("limit", [0, 51, "10", 1.5, None, True])
async def test_bad_limits(api: ApiUser, limit: Any) -> None:
    reply = await api.post("/v1/batch/activity", {"contact_ids": ["ct"], "limit": limit})
    assert reply.body["details"][0]["field"] == "limit"
    assert (await api.post("/v1/batch/details", {"contact_ids": ["ct"], "limit": 1})).status == 400


async def test_batches_need_contacts_read(new_user: Any) -> None:
    other = await new_user(scopes=[Scope.EVENTS_READ])
    for route in ROUTES:
        reply = await other.post(route, {"contact_ids": ["ct"]})
        assert (reply.status, reply.code) == (403, "scope_missing")
