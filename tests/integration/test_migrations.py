"""What earlier versions stored, brought to this one by `pathbound init`, whoever else is at it or dies over it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import IndexModel

from deploy.bootstrap import build_core
from service.conversations import projection
from service.conversations.incoming import Hidden
from service.errors import SetupError
from service.mongo.documents import Document
from service.mongo.indexes import build_indexes, create_indexes
from service.mongo.migrations import record
from service.mongo.migrations.all import MIGRATIONS
from service.mongo.migrations.former_indexes import FORMER
from service.mongo.migrations.record import LATEST, MigrationRecords
from service.mongo.migrations.run import migrate
from service.mongo.outbox import indexes as outbox_indexes
from service.mongo.store import MongoStore, open_store
from service.mongo.usable import check_usable
from service.profile.ports import RebuildScope
from service.settings import MongoSettings
from tests.support import conversation_facts
from tests.support.api import ApiUser, serve
from tests.support.commands import pathbound

DUMPS = Path(__file__).parent / "dumps"
TENANT = "acme"
ALL = [one.version for one in MIGRATIONS]
HOUR = 3600


async def restore(store: MongoStore, name: str) -> dict[str, list[Document]]:
    """The collections of that day, and the indexes that are no more. What is there now."""
    dump: dict[str, list[Document]] = json_util.loads((DUMPS / f"{name}.json").read_text())["collections"]
    for collection, documents in dump.items():
        await store.database[collection].insert_many(documents)
    order = [("tenant_id", 1), ("contact_id", 1), ("conversation_id", 1), ("sent_at", 1), ("message_id", 1)]
    await store.database["conversation_rows"].create_index(order)
    return dump


def hers(dump: dict[str, list[Document]], collection: str, contact_id: str) -> list[Document]:
    """What belongs to one contact."""
    return [one for one in dump.get(collection, []) if one.get("contact_id") == contact_id]


@pytest.fixture
async def bare(mongo_settings: MongoSettings) -> AsyncIterator[MongoStore]:
    """A store in a database where nothing is yet."""
    async with open_store(mongo_settings) as store:
        yield store
        await store.database.client.drop_database(mongo_settings.mongo_database)


@pytest.fixture
async def old(bare: MongoStore) -> MongoStore:
    """One as it was with conversations, and with the collections and indexes of today."""
    await restore(bare, "2026-11-25")
    await create_indexes(bare.database, HOUR)
    return bare


def told(_: str) -> None:
    """Nobody listens."""


async def wrong_profiles(store: MongoStore) -> int:
    """How many profiles a rebuild would correct."""
    done = await build_core(store).rebuild_profiles(RebuildScope(None, dry_run=True), lambda _: None, asyncio.Event())
    assert done is not None
    assert done.looked_at == 3
    return done.wrong


async def contact_of(user: ApiUser, email: str) -> dict[str, Any]:
    found = (await user.get("/v1/contacts", params={"search": email})).body["contacts"]
    [contact] = [one for one in found if one["email"] == email]
    detail: dict[str, Any] = (await user.get(f"/v1/contacts/{contact['contact_id']}")).body
    return detail


@pytest.mark.parametrize("day", ["2026-11-23", "2026-11-25"])
async def test_after_init_the_api_answers_for_what_an_earlier_version_stored(
    bare: MongoStore, env: dict[str, str], day: str
) -> None:
    before = await restore(bare, day)
    with pytest.raises(SetupError, match=f"is at version 0, .* needs version {LATEST}: run `pathbound init`"):
        await check_usable(bare)
    first = await asyncio.to_thread(lambda: pathbound("init", **env, PATHBOUND_TOPIC_PARTITIONS="1"))
    assert first.returncode == 0, first.stderr
    assert [f"migrated to version {one}:" in first.stdout for one in ALL] == [True] * LATEST
    again = await asyncio.to_thread(lambda: pathbound("init", **env, PATHBOUND_TOPIC_PARTITIONS="1"))
    assert (again.returncode, "migrated" in again.stdout) == (0, False)

    await check_usable(bare)
    assert await wrong_profiles(bare) == 0
    assert not set(FORMER["conversation_rows"]) & set(await bare.database["conversation_rows"].index_information())
    core = build_core(bare)
    async with serve(core) as url:
        user = await ApiUser.create(url, core, TENANT)
        ada = await contact_of(user, "ada@example.com")
        ada_id, profile = ada["contact"]["contact_id"], ada["unified_profile"]
        assert (profile["page_views"], profile["sessions"], profile["device_count"]) == (6, 3, 3)
        shown = (await user.get(f"/v1/contacts/{ada_id}/conversations")).body["conversations"]
        threads = [one for one in hers(before, "conversation_threads", ada_id) if "shown" in one]
        assert {(one["conversation_id"], one["message_count"]) for one in shown} == {
            (one["conversation_id"], one["shown"]["message_count"]) for one in threads
        }
        assert len(await user.events(ada_id)) == len(hers(before, "events", ada_id))
        await user.close()


async def test_a_thread_in_parts_counts_what_was_stored_without_them(
    old: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the migration the rows of a large thread were not found."""
    monkeypatch.setattr(projection, "LARGE", 2)
    monkeypatch.setattr(conversation_facts, "TENANT", TENANT)
    await migrate(old, "one", told)
    before = await counts(old)
    people = ["ada@example.com", "eve@example.com"]
    mailbox, hidden_again = conversation_facts.MAILBOXES[0], Hidden.TRASH
    for version, labels, shown in ((2, hidden_again, before[0] - 1), (3, None, before[0])):
        change = conversation_facts.mail(mailbox, 4, 4, people, version, labels, sent=False, completeness=2)
        await build_core(old).ingest_conversations([change], ())
        assert (await counts(old))[0] == shown
        assert await wrong_profiles(old) == 0


async def counts(store: MongoStore) -> list[int]:
    """How many messages the threads show, the largest first."""
    threads = await store.database["conversation_threads"].find().to_list(None)
    return sorted((one["shown"]["message_count"] for one in threads if "shown" in one), reverse=True)


async def test_two_at_once_share_the_work(old: MongoStore) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(migrate(old, name, told)) for name in ("one", "two")]
    assert sorted(one.version for done in both for one in done.result()) == ALL
    records = await old.database["migrations"].find().sort("_id", 1).to_list(None)
    assert [(one["_id"], one["name"]) for one in records] == [(one.version, one.name) for one in MIGRATIONS]
    for one in records:
        assert one["seconds"] >= 0
        assert one["started_at"] <= one["finished_at"]
        assert "holder" not in one


async def test_what_a_dead_one_began_is_ended_by_the_next(old: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    records = MigrationRecords(old.database)
    assert await records.claim(MIGRATIONS[0], "dead", None)
    half: list[Document] = await old.database["conversation_rows"].find().to_list(5)
    await old.database["conversation_rows"].update_one({"_id": half[0]["_id"]}, {"$set": {"part": 1}})
    heard: list[str] = []
    waiting = asyncio.create_task(migrate(old, "next", heard.append))
    while not any("another init is at it; waiting" in line for line in heard):
        await asyncio.sleep(0)
        assert not waiting.done()
    monkeypatch.setattr(record, "HOLD_SECONDS", 0)
    assert [one.version for one in await waiting] == ALL
    assert await old.database["conversation_rows"].count_documents({"part": {"$exists": False}}) == 0


async def test_again_finds_what_the_version_before_wrote_since(old: MongoStore) -> None:
    await migrate(old, "one", told)
    rows = old.database["conversation_rows"]
    [late] = await rows.find().to_list(1)
    await rows.update_one({"_id": late["_id"]}, {"$unset": {"part": 1}})
    assert await migrate(old, "two", told) == []
    assert [one.version for one in await migrate(old, "three", told, again=True)] == ALL
    assert (await rows.find().to_list(1)) == [late]


async def test_stage_changes_get_their_documented_name_and_a_sites_own_events_keep_theirs(old: MongoStore) -> None:
    events, name = old.database["events"], "contact_lifecycle_stage_changed"
    [event] = await events.find({"source": "crm"}).to_list(1)
    kept = [{**event, "_id": f"evt_{source}{tenant}", "tenant_id": tenant, "source": source, "event": name}
            for source in ("crm", "tracker") for tenant in ("acme", "other")]  # fmt: skip
    await events.insert_many(kept)
    await migrate(old, "one", told)
    found = {one["_id"]: one async for one in events.find({"_id": {"$in": [one["_id"] for one in kept]}})}
    assert found == {
        one["_id"]: {**one, "event": "lifecycle_stage_changed" if one["source"] == "crm" else name} for one in kept
    }


async def test_an_empty_database_is_at_the_latest_version(bare: MongoStore) -> None:
    with pytest.raises(SetupError, match="is at version 0"):
        await check_usable(bare)
    await create_indexes(bare.database, HOUR)
    await check_usable(bare)
    assert await migrate(bare, "one", told) == []


@pytest.mark.parametrize("words", [["api"], ["relay"], ["consume", "tracker"]])
async def test_nobody_works_on_a_database_of_another_version(
    bare: MongoStore, env: dict[str, str], words: list[str]
) -> None:
    await create_indexes(bare.database, HOUR)
    await bare.database["migrations"].insert_one({"_id": LATEST + 3, "usable_from": LATEST + 2, "name": "later"})
    refused = await asyncio.to_thread(lambda: pathbound(*words, **env))
    assert refused.returncode == 1
    assert f"was migrated to version {LATEST + 3}" in refused.stderr.splitlines()[-1]
    assert "start the newer program" in refused.stderr.splitlines()[-1]


async def test_a_later_version_that_leaves_what_we_need_does_not_stop_us(bare: MongoStore) -> None:
    await create_indexes(bare.database, HOUR)
    await bare.database["migrations"].insert_one({"_id": LATEST + 1, "usable_from": LATEST, "name": "later"})
    await check_usable(bare)


# --- indexes ---------------------------------------------------------------------------------------------------------


async def test_an_index_that_cannot_be_built_says_what_to_do(bare: MongoStore) -> None:
    collection = bare.database["contacts"]
    await collection.insert_many([{"_id": n, "tenant_id": "acme", "email": "ada@example.com"} for n in range(2)])
    unique = IndexModel([("tenant_id", 1), ("email", 1)], unique=True, name="one_email")
    with pytest.raises(SetupError) as duplicates:
        await build_indexes(collection, [unique])
    assert "The index one_email of the collection contacts must be unique" in str(duplicates.value)
    assert "the same tenant_id, email" in str(duplicates.value)
    assert "ada" not in str(duplicates.value)

    await collection.create_index([("tenant_id", 1)], name="one_email")
    with pytest.raises(SetupError, match=r"The index one_email .* defined otherwise. Drop that one"):
        await build_indexes(collection, [unique])


async def test_another_retention_takes_effect(bare: MongoStore) -> None:
    outbox = bare.database["outbox"]
    await build_indexes(outbox, outbox_indexes(HOUR))
    await build_indexes(outbox, outbox_indexes(2 * HOUR))
    assert (await outbox.index_information())["retention"]["expireAfterSeconds"] == 2 * HOUR
