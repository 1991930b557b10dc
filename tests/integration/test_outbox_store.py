"""The outbox and the leases on a real MongoDB."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandListener

from schemas.topics import MAX_RECORD_BYTES
from service.clock import system_clock
from service.mongo.leases import MongoLeases
from service.mongo.outbox import _document
from service.mongo.store import MongoStore, database_of
from service.outbox.leasing import LeaseKeeper
from service.outbox.model import SHARDS, shard_of
from service.settings import MongoSettings
from tests.support.relay import contact_in, record_of
from tests.support.waiting import eventually


async def test_a_record_comes_back_as_it_was(store: MongoStore) -> None:
    record = record_of(contact_in(2), 1, "topic", b"\x00\xff{}")
    await store.outbox.append([record])
    assert await store.outbox.unpublished(2, 10) == [record]
    assert await store.outbox.unpublished(3, 10) == []


async def test_records_come_by_commit_time_then_sequence_and_go_once_marked(store: MongoStore) -> None:
    contact = contact_in(0)
    records = [record_of(contact, sequence, "topic") for sequence in range(1, 6)]
    await asyncio.gather(*(store.outbox.append([record]) for record in reversed(records)))
    assert await store.outbox.unpublished(0, 3) == records[:3]
    await store.outbox.mark_published([record.record_id for record in records[:2]])
    assert await store.outbox.unpublished(0, 10) == records[2:]


async def test_a_batch_is_bounded_in_bytes_too(store: MongoStore) -> None:
    contact = contact_in(0)
    big = b"x" * (MAX_RECORD_BYTES // 3)
    for sequence in range(1, 6):
        await store.outbox.append([record_of(contact, sequence, "topic", big)])
    assert [record.sequence for record in await store.outbox.unpublished(0, 500)] == [1, 2, 3, 4]


async def test_the_relays_query_is_a_scan_of_its_index_without_a_sort(store: MongoStore) -> None:
    waiting, done = contact_in(0), contact_in(0)
    for sequence in range(1, 31):
        await store.outbox.append([record_of(waiting, sequence, "topic")])
        await store.outbox.append([record_of(done, sequence, "topic")])
    await store.outbox.mark_published([f"{done}:{sequence}" for sequence in range(1, 31)])
    find = {
        "find": "outbox",
        "filter": {"shard": 0, "published_at": None},
        "sort": {"committed_at": 1, "sequence": 1},
        "limit": 10,
    }
    plan = await store.database.command("explain", find, verbosity="executionStats")
    stages = list(_stages(plan["queryPlanner"]["winningPlan"]))
    assert [stage.get("indexName") for stage in stages if stage["stage"] == "IXSCAN"] == ["waiting"]
    assert not {"SORT", "COLLSCAN"} & {stage["stage"] for stage in stages}
    assert plan["executionStats"]["totalDocsExamined"] == 10


def _stages(plan: dict[str, Any]) -> Any:
    yield plan
    for inner in (plan.get("inputStage"), *plan.get("inputStages", ())):
        if inner:
            yield from _stages(inner)


async def test_published_records_expire_and_waiting_ones_do_not(store: MongoStore) -> None:
    indexes = await store.database["outbox"].index_information()
    assert indexes["retention"]["expireAfterSeconds"] == 3600
    assert indexes["retention"]["key"] == [("published_at", 1)]
    contact = contact_in(0)
    await store.outbox.append([record_of(contact, 1, "topic")])
    await store.outbox.append([record_of(contact, 2, "topic")])
    await store.outbox.mark_published([f"{contact}:1"])
    dates = {item["sequence"]: item["published_at"] async for item in store.database["outbox"].find()}
    assert dates[1] is not None
    assert dates[2] is None


async def test_marking_again_does_not_prolong_the_retention(store: MongoStore) -> None:
    contact = contact_in(0)
    await store.outbox.append([record_of(contact, 1, "topic")])
    await store.outbox.mark_published([f"{contact}:1"])
    before = await store.database["outbox"].find_one({"sequence": 1})
    await store.outbox.mark_published([f"{contact}:1"])
    assert await store.database["outbox"].find_one({"sequence": 1}) == before


async def test_the_backlog_says_how_many_wait_and_since_when(store: MongoStore) -> None:
    records = [record_of(contact_in(shard), 1, "topic") for shard in (1, 1, 5)]
    for record in records:
        await store.outbox.append([record])
    backlog = await store.outbox.backlog()
    assert {shard: count for shard, (count, _) in backlog.items()} == {1: 2, 5: 1}
    assert backlog[5][1] == records[2].committed_at


async def test_a_commit_wakes_who_watches_and_an_aborted_one_does_not(store: MongoStore) -> None:
    class AbortedError(Exception):
        pass

    async with store.outbox.watch() as shards, store.session() as session:

        async def aborted() -> None:
            await session.outbox.append([record_of(contact_in(1), 1, "topic")])
            raise AbortedError

        async def committed() -> None:
            await session.outbox.append([record_of(contact_in(6), 1, "topic")])

        with pytest.raises(AbortedError):
            await session.transaction(aborted)
        await session.transaction(committed)
        assert await asyncio.wait_for(anext(shards), 10) == 6
    assert await store.outbox.unpublished(1, 10) == []


async def test_a_long_read_never_shows_a_contacts_later_record_without_its_earlier_one(store: MongoStore) -> None:
    # With read concern `majority` about two reads in three show one: the scan yields between the places of the two.
    filler, start, end = contact_in(0), system_clock(), system_clock() + timedelta(minutes=1)
    between = [
        replace(record_of(filler, sequence, "topic"), committed_at=start + timedelta(milliseconds=sequence))
        for sequence in range(1, 10_001)
    ]
    await store.database["outbox"].insert_many([_document(record) for record in between])

    async def write() -> None:
        for _ in range(60):
            contact = contact_in(0)
            await store.outbox.append([replace(record_of(contact, 1, "topic"), committed_at=start)])
            await store.outbox.append([replace(record_of(contact, 2, "topic"), committed_at=end)])

    writer = asyncio.create_task(write())
    try:
        while not writer.done():
            found = {record.record_id for record in await store.outbox.unpublished(0, 100_000)}
            later = {record_id.removesuffix(":2") for record_id in found if record_id.endswith(":2")} - {filler}
            assert {contact for contact in later if f"{contact}:1" not in found} == set()
        await writer
    finally:
        writer.cancel()
        await asyncio.wait([writer])


async def test_a_lease_has_one_holder_until_it_ends(store: MongoStore) -> None:
    leases = store.leases
    got = await asyncio.gather(*(leases.acquire(0, f"relay-{number}", 1.0) for number in range(8)))
    assert sum(got) == 1
    winner = f"relay-{got.index(True)}"
    assert await leases.holders() == {0: winner}
    assert await leases.acquire(0, winner, 1.0)
    assert not await leases.acquire(0, "$other", 1.0)
    await eventually(lambda: leases.acquire(0, "$other", 30.0), 10, "the lease ran out")
    assert await leases.holders() == {0: "$other"}


async def test_only_its_holder_gives_a_lease_back(store: MongoStore) -> None:
    leases = store.leases
    assert await leases.acquire(3, "one", 30.0)
    await leases.release(3, "two")
    assert not await leases.acquire(3, "two", 30.0)
    await leases.release(3, "one")
    assert await leases.acquire(3, "two", 30.0)


async def test_the_living_are_counted_and_the_dead_are_not(store: MongoStore) -> None:
    leases = store.leases
    assert await leases.heartbeat("brief", 0.2) == 1
    assert await leases.heartbeat("one", 30.0) in (1, 2)

    async def alone() -> bool:
        return await leases.heartbeat("one", 30.0) == 1

    await eventually(alone, 10, "the silent one counts no more")
    assert await leases.heartbeat("two", 30.0) == 2
    await leases.depart("one")
    assert await leases.heartbeat("two", 30.0) == 1


async def test_a_dead_relay_is_gone_in_time_though_the_servers_clock_was_set_back(store: MongoStore) -> None:
    """Its leases, and its place among the living, lasted for as long as the clock had been ahead."""
    assert await store.leases.heartbeat("dead", seconds=0.2) == 1
    assert await store.leases.acquire(3, "dead", seconds=0.2)
    assert await store.leases.acquire(4, "alive", seconds=60)
    for collection in ("relay_leases", "relay_members"):
        ahead = [{"$set": {"expires_at": {"$add": ["$expires_at", 2 * 3_600_000]}}}]
        await store.database[collection].update_many({}, ahead)

    async def gone() -> bool:
        return await store.leases.heartbeat("alive", seconds=60) == 1 and await store.leases.holders() == {4: "alive"}

    await eventually(gone, 10, "nobody waits for the dead")
    assert await store.leases.acquire(3, "alive", seconds=60)


class FarAway(CommandListener):
    """A server so many seconds away."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def started(self, event: Any) -> None:
        time.sleep(self._seconds)  # in the thread that sends it

    def succeeded(self, event: Any) -> None:
        """Nothing."""

    def failed(self, event: Any) -> None:
        """Nothing."""


async def test_a_relay_that_is_far_away_keeps_its_leases(store: MongoStore, mongo_settings: MongoSettings) -> None:
    """How far, the runbook tells: a round has a third of a lease, and so it may not go there and back too often."""
    client: Any = AsyncIOMotorClient(mongo_settings.mongo_url.get_secret_value(), event_listeners=[FarAway(0.3)])
    keeper = LeaseKeeper(MongoLeases(database_of(client, mongo_settings)), "far", 5.0, time.monotonic)
    assert sorted((await keeper.round([])).gained) == list(range(SHARDS))
    assert sorted((await keeper.round(range(SHARDS))).renewed) == list(range(SHARDS))
    client.close()


def test_every_shard_gets_contacts() -> None:
    assert {shard_of(f"contact-{number}") for number in range(200)} == set(range(SHARDS))
