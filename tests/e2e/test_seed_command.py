"""`pathbound seed`: what it writes is what the service would have written, and every operation works on it."""

import asyncio
import signal
import subprocess
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from deploy.bootstrap import build_core
from deploy.seed.plan import SeedPlan
from deploy.seed.portions import portion_of
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.erasure.guard import NOBODY_ERASED
from service.identity.linking import Linker
from service.mongo.bulk_load import LOADED, MongoBulkLoad
from service.mongo.documents import event_document
from service.mongo.indexes import all_indexes
from service.mongo.store import MongoStore
from service.outbox.model import shard_of
from tests.support.api import ApiUser, serve
from tests.support.commands import begun, pathbound
from tests.support.waiting import eventually

T = TypeVar("T")
CONTACTS, EVENTS = 1_200, 900
ARGUMENTS = ("seed", "--contacts", str(CONTACTS), "--events", str(EVENTS), "--tenant", "acme", "--seed", "5")
PLAN = SeedPlan("acme", CONTACTS, EVENTS, 5)


async def everything(store: MongoStore, *but: str) -> dict[str, list[Any]]:
    """All documents of the seeded collections, those of `but` aside."""
    criteria = {"_id": {"$nin": list(but)}}
    return {name: await store.database[name].find(criteria).sort("_id", 1).to_list(None) for name in LOADED}


async def index_names(store: MongoStore) -> dict[str, set[str]]:
    found = {name: await store.database[name].index_information() for name in all_indexes(0)}
    return {name: set(indexes) - {"_id_"} for name, indexes in found.items()}


async def test_a_tenant_is_filled_once_and_a_repetition_changes_nothing(store: MongoStore, env: dict[str, str]) -> None:
    before = await index_names(store)
    first = pathbound(*ARGUMENTS, **env)
    assert first.returncode == 0, first
    assert "indexes are dropped now and built at the end" in first.stdout
    assert "Stored 1,200 contacts of tenant acme" in first.stdout
    seeded = await everything(store)
    assert len(seeded["contacts"]) == CONTACTS
    assert len(seeded["events"]) == CONTACTS + EVENTS
    assert await index_names(store) == before

    again = pathbound(*ARGUMENTS, **env)
    assert again.returncode == 0, again
    assert "Everything was there already." in again.stdout
    assert await everything(store) == seeded
    assert await store.database["outbox"].count_documents({}) == 0

    other = pathbound("seed", "--contacts", "7", "--tenant", "acme", "--seed", "5", **env)
    assert other.returncode == 0, other
    assert "the indexes stay in place" in other.stdout
    assert await store.database["contacts"].count_documents({"tenant_id": "acme"}) == CONTACTS + 7
    assert await index_names(store) == before


async def test_one_that_is_stopped_leaves_the_indexes_there(store: MongoStore, env: dict[str, str]) -> None:
    before = await index_names(store)
    heard = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with begun("seed", "--contacts", "100000", "--tenant", "acme", env=env, **heard) as seeding:
        try:

            async def some_are_there() -> bool:
                return await store.database["contacts"].count_documents({}) > 0

            await eventually(some_are_there, 60, "some contacts are there")
            seeding.send_signal(signal.SIGTERM)
            _, told = await asyncio.to_thread(seeding.communicate, timeout=60)
        finally:
            seeding.kill()
    assert (seeding.returncode, "Stopped. The same command goes on from here." in told) == (1, True), told
    assert await index_names(store) == before


async def test_an_address_that_somebody_has_is_left_to_them(store: MongoStore, env: dict[str, str]) -> None:
    core = build_core(store)
    taken = portion_of(PLAN, 1).contacts[30].email
    kept = await core.use_cases.create_contact(Caller("acme", None, None), CreateContact(email=taken))

    refused = pathbound(*ARGUMENTS, **env)
    assert refused.returncode == 1
    assert "choose another --seed" in refused.stderr
    assert taken not in refused.stderr + refused.stdout
    # The portion that collided is not there at all.
    stored = await store.database["contacts"].count_documents({"tenant_id": "acme", "_id": {"$ne": kept.contact_id}})
    assert stored in (0, 200, 500, 700)


async def test_what_a_killed_run_left_open_is_told_in_a_sentence(store: MongoStore, env: dict[str, str]) -> None:
    """MongoDB keeps the transaction of a process that is gone for a minute."""
    assert pathbound("seed", "--contacts", "1", "--tenant", "other", **env).returncode == 0
    portion = portion_of(PLAN, 0)
    async with await store.database.client.start_session() as left, left.start_transaction():
        await store.database["contacts"].insert_one({"_id": portion.contacts[0].contact_id}, session=left)
        held = await asyncio.to_thread(pathbound, *ARGUMENTS, PATHBOUND_TRANSACTION_DEADLINE_MS="500", **env)
        await left.abort_transaction()
    assert (held.returncode, "Traceback" in held.stderr, "crashed" in held.stderr) == (1, False, False), held
    assert "In about a minute the same command goes on from here." in held.stderr
    assert (await asyncio.to_thread(pathbound, *ARGUMENTS, **env)).returncode == 0
    assert await store.database["contacts"].count_documents({"tenant_id": "acme"}) == CONTACTS


async def test_beside_live_contacts_no_index_is_dropped_and_what_was_interrupted_is_finished(
    store: MongoStore, env: dict[str, str]
) -> None:
    bulk = MongoBulkLoad(store)
    await bulk.store(portion_of(PLAN, 1))
    before = await index_names(store)
    found = await everything(store)

    # MongoDB itself tells whether an index went in the meantime: each has counted its uses since it was made.
    made = await since(store)
    done = pathbound(*ARGUMENTS, **env)
    assert done.returncode == 0, done
    assert "the indexes stay in place" in done.stdout
    assert "Stored 700 contacts" in done.stdout
    assert await index_names(store) == before
    assert await since(store) == made
    whole = await everything(store)
    assert len(whole["contacts"]) == CONTACTS
    assert [document for document in whole["contacts"] if document in found["contacts"]] == found["contacts"]


async def since(store: MongoStore) -> dict[str, datetime]:
    """When each index of the contacts was made."""
    stats = await store.database["contacts"].aggregate([{"$indexStats": {}}]).to_list(None)
    return {one["name"]: one["accesses"]["since"] for one in stats}


async def test_what_is_seeded_is_what_the_service_would_have_stored(store: MongoStore) -> None:
    portion = portion_of(PLAN, 0)
    await MongoBulkLoad(store).store(portion)
    enriched = [contact.contact_id for contact in portion.contacts if contact.enriched_at]
    changes = [change.event_id for change in portion.changes]
    seeded = await everything(store, *enriched, *changes)
    assert await store.untold.backlog() == {}, "nobody is told of what is loaded"
    for name in LOADED:
        await store.database[name].delete_many({})

    core, linker = build_core(store), Linker(store, lambda: portion.contacts[0].created_at, NOBODY_ERASED)
    for contact in portion.contacts:
        create = ContactCreator(
            store, linker, partial(_same, contact.created_at), NOBODY_ERASED, partial(_same, contact.contact_id)
        )
        wanted = CreateContact(
            email=contact.email,
            properties=dict(contact.properties),
            visitor_id=list(contact.visitor_ids),
            company_id=contact.company_ids[0] if contact.company_ids else None,
        )
        await create(Caller("acme", actor=None, request_id=None), wanted)
    await linker.flush()
    own = await store.database["events"].find({"source": "crm"}).to_list(None)
    assert [_without_id(event) for event in sorted(own, key=lambda one: str(one["contact_id"]))] == [
        _without_id(event) for event in _imported(portion.changes)
    ]
    await core.ingest([event for some in portion.visits.values() for event in some])
    stored = await everything(store, *enriched, *(event["_id"] for event in own))

    for event in stored["events"]:
        assert event.pop("feed_shard") == shard_of(event["contact_id"])
        assert event.pop("feed_at")
    for contact in stored["contacts"]:
        # A loaded contact says so, and that nobody was told of it.
        contact |= {"creation_source": "import", "sequence": 0}
    assert stored == seeded


def _same(value: T) -> T:
    return value


def _imported(changes: Any) -> list[Any]:
    told = [replace(change, data={**change.data, "creation_source": "api"}) for change in changes]
    return sorted((event_document(change) for change in told), key=lambda one: str(one["contact_id"]))


def _without_id(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("_id", "feed_shard", "feed_at")}


async def test_every_operation_works_on_a_seeded_contact(store: MongoStore) -> None:
    core = build_core(store)
    portion = portion_of(PLAN, 0)
    await MongoBulkLoad(store).store(portion)
    known = {contact.contact_id: contact for contact in portion.contacts}
    contact = known[next(iter(portion.visits))]
    path = f"/v1/contacts/{contact.contact_id}"
    async with serve(core) as url:
        user = await ApiUser.create(url, core, "acme")
        try:
            detail = (await user.get(path)).body
            assert detail["contact"]["email"] == contact.email
            visited = portion.visits[contact.contact_id]
            assert detail["unified_profile"]["page_views"] == sum(event.event == "page_view" for event in visited)
            assert len(await user.events(contact.contact_id)) == len(visited) + 1
            taken = await user.post("/v1/contacts", {"email": contact.email})
            assert (taken.status, taken.body["contact_id"]) == (409, contact.contact_id)
            found = (await user.get("/v1/contacts", params={"search": contact.email})).body["contacts"]
            assert [one["contact_id"] for one in found] == [contact.contact_id]
            changed = await user.request("PUT", path, json={"properties": {"city": "Oslo", "email": "new@example.com"}})
            assert changed.body["contact"]["version"] == contact.version + 1
            assert (await user.post(f"{path}/notes", {"content": "hello"})).status == 201
            params = {"contact_id": contact.contact_id, "lifecycle_stage": "customer", "reason": "won"}
            acted = await user.post("/v1/actions", {"type": "update_lifecycle_stage", "params": params})
            assert acted.status in (200, 201), acted
            # The address is free again, and the visitor id is not.
            assert (await user.post("/v1/contacts", {"email": contact.email})).status == 201
            refused = await user.post(
                "/v1/contacts", {"email": "third@example.com", "visitor_id": contact.visitor_ids[0]}
            )
            assert refused.status == 409
            assert (await user.request("DELETE", path)).status == 200
            assert (await user.get(path)).status == 404
        finally:
            await user.close()
    told = await store.database["outbox"].find({"contact_id": contact.contact_id}).sort("sequence", 1).to_list(None)
    # Without a gap, from 1 on.
    assert [record["sequence"] for record in told] == list(range(1, len(told) + 1))
    assert len(told) >= 4
