"""DELETE /v1/contacts/:id."""

import asyncio
from typing import Any

from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply
from tests.support.events import page_view, visitor


async def delete(api: ApiUser, contact_id: str) -> Reply:
    return await api.request("DELETE", f"/v1/contacts/{contact_id}")


async def test_a_deleted_contact_is_gone_and_its_history_is_not(api: ApiUser, shared_store: MongoStore) -> None:
    contact = await api.create_contact("ada@example.com", visitor_id="v")
    contact_id = contact["contact_id"]
    await build_core(shared_store).ingest([page_view(api.tenant_id, visitor(api.tenant_id, "v"))])
    note = (await api.post(f"/v1/contacts/{contact_id}/notes", {"content": "hello"})).body["note"]

    assert (await delete(api, contact_id)).body == {"status": "success"}

    assert (await delete(api, contact_id)).code == "contact_not_found"
    for path in ("", "/notes", "/conversations", "/email-threads"):
        assert (await api.get(f"/v1/contacts/{contact_id}{path}")).code == "contact_not_found"
    assert (await api.get(f"/v1/contacts/events/{contact_id}")).code == "contact_not_found"
    assert (await api.request("PUT", f"/v1/contacts/{contact_id}", json={})).code == "contact_not_found"
    reply = await api.request("PATCH", f"/v1/contacts/{contact_id}/notes/{note['note_id']}", json={"content": "x"})
    assert reply.code == "contact_not_found"
    history = await api.get("/v1/events", params={"contact_id": contact_id})
    assert [event["event"] for event in history.body["events"]].count("page_view") == 1
    assert {event["event"] for event in history.body["events"]} == {
        "contact_created",
        "note_created",
        "contact_deleted",
        "page_view",
    }


async def test_a_new_contact_with_the_same_identities_starts_anew(api: ApiUser, shared_store: MongoStore) -> None:
    old = await api.create_contact("ada@example.com", visitor_id="v")
    core = build_core(shared_store)
    await core.ingest([page_view(api.tenant_id, visitor(api.tenant_id, "v"), minute=1)])
    await delete(api, old["contact_id"])
    between = page_view(api.tenant_id, visitor(api.tenant_id, "v"), minute=2)
    await core.ingest([between])

    new = await api.create_contact("ada@example.com", visitor_id="v")

    visits = [event["event_id"] for event in await api.events(new["contact_id"]) if event["source"] == "tracker"]
    assert visits == [between.event_id]
    detail = (await api.get(f"/v1/contacts/{new['contact_id']}")).body
    assert detail["unified_profile"]["page_views"] == 1
    assert detail["contact"]["version"] == 1


async def test_ten_thousand_notes_are_removed_too(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    note = (await api.post(f"/v1/contacts/{contact_id}/notes", {"content": "one"})).body["note"]
    notes = shared_store.database["notes"]
    template = await notes.find_one({"_id": note["note_id"]})
    assert template is not None
    await notes.insert_many([{**template, "_id": f"{note['note_id']}-{n}"} for n in range(9_999)])
    mine = {"tenant_id": api.tenant_id}
    assert await notes.count_documents(mine) == 10_000

    assert (await delete(api, contact_id)).status == 200
    deleter = build_core(shared_store).use_cases.delete_contact
    while await shared_store.contacts.unswept(10):
        await deleter.sweep()

    assert await notes.count_documents(mine) == 0


async def test_what_was_counted_once_is_removed_too(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact(visitor_id="v"))["contact_id"]
    device = {"browser": "Chrome", "os": "Android", "device_type": "mobile"}
    core = build_core(shared_store)
    await core.ingest([page_view(api.tenant_id, visitor(api.tenant_id, "v"), session_id="s", context=device)])
    mine = {"tenant_id": api.tenant_id, "contact_id": contact_id}
    rows = shared_store.database["profile_rows"]
    assert await rows.count_documents(mine) == 2, "a session and a device"

    assert (await delete(api, contact_id)).status == 200
    while await shared_store.contacts.unswept(10):
        await core.use_cases.delete_contact.sweep()

    assert await rows.count_documents(mine) == 0


async def test_deletion_races_with_everything_and_leaves_nothing_half(api: ApiUser, shared_store: MongoStore) -> None:
    """Events that arrive while their contact is deleted are either its history or wait for the next one."""
    tenant = api.tenant_id
    cores = [build_core(shared_store) for _ in range(3)]
    for n in range(12):
        contact = await api.create_contact(f"p{n}@example.com", visitor_id=f"v{n}")
        contact_id = contact["contact_id"]
        events = [page_view(tenant, visitor(tenant, f"v{n}"), minute=m) for m in range(6)]
        works: list[Any] = [cores[m % 3].ingest([event]) for m, event in enumerate(events)]
        works += [
            delete(api, contact_id),
            api.request("PUT", f"/v1/contacts/{contact_id}", json={"properties": {"a": 1}}),
        ]
        results = await asyncio.gather(*works)
        assert results[6].status == 200
        assert results[7].status in {200, 404}
        successor = await api.create_contact(f"p{n}@example.com", visitor_id=f"v{n}")
        stored = (
            await shared_store.database["events"].find({"_id": {"$in": [e.event_id for e in events]}}).to_list(None)
        )
        assert len(stored) == 6
        assert {event.get("contact_id") for event in stored} <= {contact_id, successor["contact_id"]}
        detail = (await api.get(f"/v1/contacts/{successor['contact_id']}")).body
        mine = [event for event in stored if event["contact_id"] == successor["contact_id"]]
        assert detail["unified_profile"]["page_views"] == len(mine)
        feed = await shared_store.database["outbox"].find({"contact_id": contact_id}).sort("sequence", 1).to_list(None)
        assert [record["sequence"] for record in feed] == list(range(1, len(feed) + 1))
        assert b'"contact.deleted"' in feed[-1]["value"]
        profile = await shared_store.database["profiles"].find_one({"_id": contact_id})
        assert profile is not None
        assert "page_views" not in profile
