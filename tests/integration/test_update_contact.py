"""PUT /v1/contacts/:id."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import orjson
import pytest

from deploy.bootstrap import build_core
from schemas.contacts import MAX_PROPERTIES, CreateContact, UpdateContact
from service.clock import system_clock
from service.contacts.context import Caller
from service.contacts.edit import Edit
from service.identity.model import Association
from service.mongo.identities import MongoIdentities
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply
from tests.support.events import MORNING, external, page_view, visitor


async def put(api: ApiUser, contact_id: str, body: Any, **headers: str) -> Reply:
    return await api.request("PUT", f"/v1/contacts/{contact_id}", json=body, headers=headers)


async def feed_of(store: MongoStore, contact_id: str) -> list[tuple[int, str]]:
    """The contact's outbox: (sequence, type)."""
    cursor = store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", 1)
    return [(item["sequence"], orjson.loads(item["value"])["type"]) for item in await cursor.to_list(None)]


async def test_an_update_merges_and_null_removes(api: ApiUser) -> None:
    contact = await api.create_contact(properties={"firstname": "Ada", "city": "London", "tags": {"a": 1}})

    reply = await put(api, contact["contact_id"], {"properties": {"city": None, "score": 3, "tags": {"b": 2}}})

    assert reply.status == 200
    updated = reply.body["contact"]
    assert updated["properties"] == {"firstname": "Ada", "score": 3, "tags": {"b": 2}, "email": contact["email"]}
    assert (updated["version"], reply.headers["ETag"]) == (2, '"2"')
    assert updated["updated_at"] == (await api.events(contact["contact_id"]))[0]["timestamp"]
    assert updated["created_at"] == contact["created_at"]
    assert (await api.get(f"/v1/contacts/{contact['contact_id']}")).body["contact"] == updated


async def test_a_company_that_is_null_is_removed_and_one_left_out_stays(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact(company_id="co_1"))["contact_id"]
    stays = await put(api, contact_id, {"properties": {"city": "Rome"}})
    assert stays.body["contact"]["associations"] == {"companies": ["co_1"]}
    removed = await put(api, contact_id, {"company_id": None})
    assert removed.body["contact"]["associations"] == {"companies": []}
    assert removed.body["contact"]["version"] == 3
    told = await shared_store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", -1).to_list(1)
    assert orjson.loads(told[0]["value"])["data"]["changed"] == {
        "associations.companies": {"before": ["co_1"], "after": []}
    }


async def test_what_is_read_of_a_contact_with_as_many_properties_as_it_may_have_can_be_sent_back(api: ApiUser) -> None:
    contact = await api.create_contact(properties={f"p{number}": number for number in range(MAX_PROPERTIES)})
    same = await put(api, contact["contact_id"], {"properties": contact["properties"]})
    assert (same.status, same.body["contact"]) == (200, contact)
    more = await put(api, contact["contact_id"], {"properties": {**contact["properties"], "one": "more"}})
    assert more.status == 400


async def test_an_update_that_changes_nothing_leaves_no_trace(api: ApiUser, shared_store: MongoStore) -> None:
    contact = await api.create_contact(properties={"firstname": "Ada"}, visitor_id="v")

    reply = await put(api, contact["contact_id"], {"properties": {"firstname": "Ada"}, "visitor_id": ["v"]})

    assert reply.body["contact"] == contact
    assert await feed_of(shared_store, contact["contact_id"]) == [(1, "contact.created")]
    assert (await put(api, contact["contact_id"], {})).body["contact"] == contact


async def test_changes_are_published_and_in_the_timeline(api: ApiUser, shared_store: MongoStore) -> None:
    contact = await api.create_contact(properties={"lifecyclestage": "lead"})
    contact_id = contact["contact_id"]

    await put(api, contact_id, {"properties": {"lifecyclestage": "customer", "city": "Paris"}, "visitor_id": "v"})

    assert await feed_of(shared_store, contact_id) == [
        (1, "contact.created"),
        (2, "contact.updated"),
        (3, "contact.lifecycle_stage_changed"),
        (4, "contact.identity_linked"),
    ]
    events = {event["event"]: event["data"] for event in await api.events(contact_id)}
    assert events["contact_updated"]["changed"] == ["city", "lifecyclestage"]
    assert events["lifecycle_stage_changed"]["before"] == "lead"
    assert events["lifecycle_stage_changed"]["after"] == "customer"
    assert events["contact_identity_linked"]["value"] == "v"


async def test_lifecyclestage_takes_its_nine_values_only(api: ApiUser) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    stages = "lead prospect mql sql opportunity customer evangelist subscriber other".split()

    for stage in stages:
        assert (await put(api, contact_id, {"properties": {"lifecyclestage": stage}})).status == 200
    for wrong in ("Lead", "", "boss", 1):
        reply = await put(api, contact_id, {"properties": {"lifecyclestage": wrong}})
        assert (reply.status, reply.code) == (400, "validation_failed")
    assert (await put(api, contact_id, {"properties": {"lifecyclestage": None}})).status == 200


async def test_an_address_moves_and_frees_the_old_one(api: ApiUser) -> None:
    ada = await api.create_contact("ada@example.com")
    bob = await api.create_contact("bob@example.com")

    taken = await put(api, ada["contact_id"], {"properties": {"email": "BOB@example.com"}})
    assert (taken.status, taken.code, taken.body["contact_id"]) == (409, "email_taken", bob["contact_id"])
    moved = await put(api, ada["contact_id"], {"properties": {"email": " Ada.L@Example.com"}})
    assert moved.body["contact"]["email"] == "ada.l@example.com"
    again = await api.create_contact("ada@example.com")
    assert again["contact_id"] != ada["contact_id"]
    assert (await put(api, ada["contact_id"], {"properties": {"email": None}})).status == 400


async def test_a_visitor_id_stitches_its_history(api: ApiUser, shared_store: MongoStore) -> None:
    contact = await api.create_contact(visitor_id="known")
    other = await api.create_contact(visitor_id="taken")
    events = [page_view(api.tenant_id, visitor(api.tenant_id, "new"), minute=n) for n in range(3)]
    await build_core(shared_store).ingest(events)

    reply = await put(api, contact["contact_id"], {"visitor_id": "new"})

    assert reply.body["contact"]["visitor_ids"] == ["known", "new"]
    visits = [event for event in await api.events(contact["contact_id"]) if event["source"] == "tracker"]
    assert [event["event_id"] for event in visits] == [event.event_id for event in reversed(events)]
    refused = await put(api, contact["contact_id"], {"visitor_id": ["fresh", "taken"]})
    assert (refused.code, refused.body["contact_id"]) == ("visitor_id_taken", other["contact_id"])


async def test_concurrent_merges_of_different_keys_all_survive(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact())["contact_id"]

    replies = await asyncio.gather(*(put(api, contact_id, {"properties": {f"k{n}": n}}) for n in range(20)))

    assert {reply.status for reply in replies} == {200}
    contact = (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]
    assert {key: value for key, value in contact["properties"].items() if key != "email"} == {
        f"k{n}": n for n in range(20)
    }
    assert contact["version"] == 21
    assert [sequence for sequence, _ in await feed_of(shared_store, contact_id)] == list(range(1, 22))


async def test_merges_through_several_processes_all_survive(api: ApiUser, new_user: Any, shared_store: Any) -> None:
    """Locks are a process's own; transactions are everybody's."""
    contact_id = (await api.create_contact())["contact_id"]
    editors = [build_core(shared_store).use_cases.edit_contact for _ in range(4)]
    caller = Caller(api.tenant_id, "key", None)
    await asyncio.gather(
        *(editors[n % 4](caller, contact_id, Edit(UpdateContact(properties={f"k{n}": n}))) for n in range(24))
    )
    assert (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]["version"] == 25


async def test_a_clock_that_is_behind_puts_no_change_before_an_earlier_one(
    api: ApiUser, shared_store: MongoStore
) -> None:
    ahead = build_core(shared_store, clock=lambda: system_clock() + timedelta(hours=1))
    caller = Caller(api.tenant_id, None, None)
    contact = await ahead.use_cases.create_contact(caller, CreateContact(email="ada@example.com"))
    await put(api, contact.contact_id, {"properties": {"city": "Rome"}})

    waiting = shared_store.database["outbox"].find({"contact_id": contact.contact_id})
    as_published = await waiting.sort([("committed_at", 1), ("sequence", 1)]).to_list(None)
    assert [record["sequence"] for record in as_published] == [1, 2]


async def test_if_match_lets_one_of_two_win(api: ApiUser) -> None:
    contact = await api.create_contact()
    bodies = [{"properties": {"winner": n}} for n in range(5)]

    replies = await asyncio.gather(*(put(api, contact["contact_id"], body, **{"If-Match": '"1"'}) for body in bodies))

    assert Counter(reply.status for reply in replies) == {200: 1, 412: 4}
    assert {reply.code for reply in replies if reply.status == 412} == {"precondition_failed"}
    assert (await put(api, contact["contact_id"], {}, **{"If-Match": "*"})).status == 200
    assert (await put(api, contact["contact_id"], {}, **{"If-Match": "two"})).status == 400
    deleted = await api.request("DELETE", f"/v1/contacts/{contact['contact_id']}", headers={"If-Match": '"1"'})
    assert deleted.status == 412


@pytest.mark.parametrize("body", [{"email": "a@example.com"}, {"properties": []}, [], {"visitor_id": "null"}])
async def test_bad_updates_are_refused(api: ApiUser, body: Any) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    assert (await put(api, contact_id, body)).status == 400


async def test_limits_hold_after_the_merge(api: ApiUser) -> None:
    big = {f"k{n}": "x" * 30_000 for n in range(8)}
    contact_id = (await api.create_contact(properties=big))["contact_id"]

    assert (await put(api, contact_id, {"properties": {"k8": "x" * 30_000}})).code == "validation_failed"
    many = {f"p{n}": n for n in range(495)}
    assert (await put(api, contact_id, {"properties": many})).code == "validation_failed"
    await put(api, contact_id, {"visitor_id": [f"v{n}" for n in range(100)]})
    assert (await put(api, contact_id, {"visitor_id": "one-more"})).code == "validation_failed"


async def test_identify_ties_identities_together(api: ApiUser, shared_store: MongoStore) -> None:
    tenant = api.tenant_id
    core = build_core(shared_store)
    await core.ingest([page_view(tenant, external(tenant, "crm-1"), visitor(tenant, "anon"), minute=1)])

    unknown = await api.post("/v1/identify", {"external_id": "crm-1", "anonymous_id": "anon"})
    assert (unknown.status, unknown.body["contact"], unknown.body["created"]) == (200, None, False)

    traits = {"email": "Ada@example.com", "firstname": "Ada"}
    made = await api.post("/v1/identify", {"external_id": "crm-1", "anonymous_id": "anon", "traits": traits})
    assert made.body["created"] is True
    contact = made.body["contact"]
    assert (contact["email"], contact["visitor_ids"]) == ("ada@example.com", ["anon"])
    assert contact["properties"]["firstname"] == "Ada"
    assert [event["source"] for event in await api.events(contact["contact_id"])] == ["crm", "tracker"]

    known = await api.post(
        "/v1/identify", {"external_id": "crm-1", "anonymous_id": "phone", "traits": {"city": "Rome"}}
    )
    assert (known.body["contact_id"], known.body["created"]) == (contact["contact_id"], False)
    assert known.body["contact"]["visitor_ids"] == ["anon", "phone"]
    renamed = await api.post("/v1/identify", {"external_id": "crm-1", "traits": {"email": "ada@new.example"}})
    assert renamed.body["contact"]["email"] == "ada@new.example"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
async def test_identify_tells_when_a_known_contact_was_active(
    api: ApiUser, shared_store: MongoStore, headers: dict[str, str]
) -> None:
    await build_core(shared_store).ingest([page_view(api.tenant_id, visitor(api.tenant_id, "v"))])
    contact_id = (await api.create_contact("ada@example.com", visitor_id="v"))["contact_id"]

    body = {"external_id": "crm-1", "traits": {"email": "ada@example.com"}}
    answer = await api.post("/v1/identify", body, headers=headers)

    assert answer.body["contact"]["last_activity_at"] is not None
    assert answer.body["contact"] == (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]
    assert (answer.body["created"], "Idempotency-Replayed" in answer.headers) == (False, False)
    if headers:
        again = await api.post("/v1/identify", body, headers=headers)
        assert (again.body, again.headers["Idempotency-Replayed"]) == (answer.body, "true")


async def test_identities_of_two_contacts_conflict_and_change_nothing(api: ApiUser) -> None:
    ada = await api.create_contact("ada@example.com", visitor_id="adas")
    await api.create_contact("bob@example.com", visitor_id="bobs")

    for body in (
        {"anonymous_id": "bobs", "traits": {"email": "ada@example.com", "firstname": "X"}},
        # A shared browser: another address on it is not the same person.
        {"anonymous_id": "bobs", "traits": {"email": "new@example.com"}},
    ):
        reply = await api.post("/v1/identify", body)
        assert (reply.status, reply.code) == (409, "identity_conflict")
    assert (await api.get(f"/v1/contacts/{ada['contact_id']}")).body["contact"] == ada
    refused: list[Any] = [{}, {"traits": {}}, {"traits": {"email": 5}}, {"anonymous_id": "null"}, {"external_id": " "}]
    for bad in refused:
        assert (await api.post("/v1/identify", bad)).code == "validation_failed"


async def test_an_external_id_known_to_the_registry_resolves_events(api: ApiUser, shared_store: MongoStore) -> None:
    tenant = api.tenant_id
    contact = await api.create_contact()
    await shared_store.identities.associate(
        [Association(external(tenant, "e"), contact["contact_id"], "0" * 26)], MORNING
    )
    await build_core(shared_store).ingest([page_view(tenant, external(tenant, "e"), visitor(tenant, "free"))])

    read = await api.get(f"/v1/contacts/{contact['contact_id']}")
    assert read.body["contact"]["visitor_ids"] == ["free"]
    assert read.body["unified_profile"]["page_views"] == 1


async def test_identify_gives_no_address_back_that_is_changed_meanwhile(
    api: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = (await api.create_contact("ada@example.com", visitor_id="phone"))["contact_id"]
    owners = MongoIdentities.owners

    async def and_then_the_address_changes(registry: MongoIdentities, identities: Any) -> Any:
        found = await owners(registry, identities)
        monkeypatch.undo()
        moved = await put(api, contact_id, {"properties": {"email": "ada@new.example"}})
        assert moved.status == 200
        return found

    monkeypatch.setattr(MongoIdentities, "owners", and_then_the_address_changes)
    made = await api.post("/v1/identify", {"traits": {"email": "ada@example.com", "city": "Rome"}})

    assert (made.status, made.body["created"]) == (200, True)
    assert made.body["contact_id"] != contact_id
    ada = (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]
    assert (ada["email"], ada["version"]) == ("ada@new.example", 2)
