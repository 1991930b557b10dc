"""contacts.snapshot on the real servers: reading it to its end gives every contact as it is."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from schemas.topics import CONTACTS_SNAPSHOT
from service.clock import system_clock
from service.contacts.view import contact_object
from service.feed import rebuild as rebuilding
from service.feed.model import RebuildProgress
from service.feed.rebuild import SnapshotRebuilder
from service.feed.snapshots import SnapshotVerdict, SnapshotVerifier
from service.feed.verify import FeedVerifier
from service.kafka.feed import KafkaFeedTopic
from service.kafka.publishers import publisher_factory
from service.mongo.documents import contact_of
from service.outbox.relay import Relay
from service.outbox.snapshots import snapshot, tombstone
from service.settings import RelaySettings
from tests.support.api import ApiUser
from tests.support.feed import Feed, kafka_admin, live
from tests.support.relay import read_committed, running
from tests.support.waiting import eventually

CITIES = ("Rome", "Oslo", "Bonn", "Lund", "Graz")


@asynccontextmanager
async def relaying(feed: Feed, **settings: Any) -> AsyncIterator[Relay]:
    given = RelaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=feed.prefix)
    async with running(feed.store.outbox, feed.store.leases, publisher_factory(given), **settings) as relay:
        yield relay


async def topic(feed: Feed) -> dict[str, list[Any]]:
    """Each contact's records in order: events, None for a tombstone."""
    found: dict[str, list[Any]] = {}
    for record in await read_committed(feed.bootstrap, f"{feed.prefix}{CONTACTS_SNAPSHOT}"):
        assert dict(record.headers)["tenantid"]
        found.setdefault(record.key.decode(), []).append(orjson.loads(record.value) if record.value else None)
    return found


async def stored(feed: Feed, tenant_id: str) -> dict[str, Any]:
    """Each contact as the database has it."""
    ids = [one["_id"] async for one in feed.store.database["contacts"].find({}, {"_id": 1})]
    found = await feed.store.contacts.get_many(tenant_id, ids)
    return {contact_id: contact_object(contact, None) for contact_id, contact in found.items()}


def latest(read: dict[str, list[Any]]) -> dict[str, Any]:
    return {key: events[-1]["data"]["contact"] for key, events in read.items() if events[-1] is not None}


async def update(user: ApiUser, contact_id: str, city: str) -> None:
    reply = await user.request("PUT", f"/v1/contacts/{contact_id}", json={"properties": {"city": city}})
    assert reply.status == 200, reply


async def test_the_topic_is_compacted_and_keeps_tombstones_for_a_week(feed: Feed) -> None:
    name = f"{feed.prefix}{CONTACTS_SNAPSHOT}"
    admin = kafka_admin.AdminClient({"bootstrap.servers": feed.bootstrap})
    resource = kafka_admin.ConfigResource(kafka_admin.ResourceType.TOPIC, name)
    [future] = admin.describe_configs([resource]).values()
    config = future.result(20)
    assert config["cleanup.policy"].value == "compact"
    assert config["delete.retention.ms"].value == str(7 * 24 * 3600 * 1000)
    # What was erased is gone within a day.
    assert config["max.compaction.lag.ms"].value == str(24 * 3600 * 1000)


async def test_reading_it_gives_every_contact_and_nobody_who_is_gone(feed: Feed, own_api: ApiUser) -> None:
    gone = await live(own_api)
    contacts = [(await own_api.create_contact(properties={"city": "Rome"}))["contact_id"] for _ in range(5)]
    await update(own_api, contacts[0], "Oslo")
    assert (await own_api.post(f"/v1/contacts/{contacts[1]}/notes", {"content": "no change of it"})).status == 201

    async with relaying(feed):
        await eventually(feed.drained, 30, "all is published")

    read = await topic(feed)
    assert latest(read) == await stored(feed, own_api.tenant_id)
    assert set(read) == {gone, *contacts}
    assert read[gone][-1] is None
    assert read[contacts[0]][-1]["sequence"] == 2


async def wait_for(rebuild: "asyncio.Task[RebuildProgress]") -> RebuildProgress:
    async with asyncio.timeout(60):
        return await rebuild


def rebuilder(feed: Feed) -> SnapshotRebuilder:
    return SnapshotRebuilder(feed.store, feed.store.rebuilds, snapshots(feed), system_clock)


def snapshots(feed: Feed) -> KafkaFeedTopic:
    return KafkaFeedTopic(feed.bootstrap, f"{feed.prefix}{CONTACTS_SNAPSHOT}")


def silent(_: RebuildProgress, __: int) -> None:
    """Nobody listens."""


async def test_a_rebuild_tells_all_again_and_changes_nothing_else(feed: Feed, own_api: ApiUser) -> None:
    contacts = [(await own_api.create_contact(properties={"city": "Rome"}))["contact_id"] for _ in range(7)]
    async with relaying(feed):
        await eventually(feed.drained, 30, "all is published")
    before, told = await stored(feed, own_api.tenant_id), await topic(feed)
    async with relaying(feed):
        done = await rebuilder(feed)(None, silent)
    assert done.requested == len(contacts)
    again = await topic(feed)
    assert {key: len(events) for key, events in again.items()} == dict.fromkeys(contacts, 2)
    assert {key: events[1] for key, events in again.items()} == {key: events[0] for key, events in told.items()}
    assert await stored(feed, own_api.tenant_id) == before
    verifier = FeedVerifier(feed.topic, feed.store.feed_history)
    assert all([one.complete async for one in verifier.judge(*await verifier.read(None))])


async def test_what_happened_since_a_rebuild_is_the_contacts_last_event(feed: Feed, own_api: ApiUser) -> None:
    contact_id = (await own_api.create_contact())["contact_id"]
    async with relaying(feed):
        await rebuilder(feed)(None, silent)
    note = await own_api.post(f"/v1/contacts/{contact_id}/notes", {"content": "since then"})
    async with relaying(feed):
        await rebuilder(feed)(None, silent)
        await eventually(feed.drained, 30, "all is published")

    counted = dict([one async for one in feed.store.feed_history.counted(own_api.tenant_id)])
    kept = await feed.store.feed_history.kept(own_api.tenant_id, [contact_id])
    assert counted[contact_id].sequence == 2
    assert counted[contact_id].committed_at == kept[contact_id][2].committed_at
    snapshots = (await topic(feed))[contact_id]
    assert snapshots[-1]["time"] == note.body["note"]["created_at"]


async def test_a_rebuild_never_overtakes_live_writes(
    feed: Feed, own_api: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "_CHUNK", 3)
    monkeypatch.setattr(rebuilding, "_MOST_WAITING", 6)
    dice = random.Random(11)
    contacts = [(await own_api.create_contact())["contact_id"] for _ in range(12)]
    stop = asyncio.Event()

    async def writer() -> None:
        while not stop.is_set():
            await update(own_api, dice.choice(contacts), f"{dice.choice(CITIES)} {dice.random()}")

    async with relaying(feed, batch=5), asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(writer())
        for _ in range(3):
            done = await wait_for(asyncio.ensure_future(rebuilder(feed)(own_api.tenant_id, silent)))
            assert done.requested == len(contacts)
        stop.set()
    async with relaying(feed):
        await eventually(feed.drained, 30, "all is published")

    read = await topic(feed)
    assert latest(read) == await stored(feed, own_api.tenant_id)
    for events in read.values():
        sequences = [event["sequence"] for event in events]
        assert sequences == sorted(sequences), "an older state came after a newer one"


async def test_a_rebuild_that_was_stopped_goes_on_where_it_was(
    feed: Feed, own_api: ApiUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "_CHUNK", 2)
    monkeypatch.setattr(rebuilding, "_MOST_WAITING", 4)
    contacts = [(await own_api.create_contact())["contact_id"] for _ in range(10)]
    async with relaying(feed):
        await eventually(feed.drained, 30, "all is published")
    waited = asyncio.Event()
    stopped = asyncio.create_task(rebuilder(feed)(None, lambda _, __: waited.set()))
    await asyncio.wait_for(waited.wait(), 30)  # nobody relays, so it cannot go on
    stopped.cancel()
    await asyncio.wait([stopped])

    async with relaying(feed):
        done = await wait_for(asyncio.ensure_future(rebuilder(feed)(None, silent)))

    assert done.requested == len(contacts)
    assert {key: len(events) for key, events in (await topic(feed)).items()} == dict.fromkeys(contacts, 2)


async def test_a_contact_that_others_write_all_the_time_is_rebuilt_too(feed: Feed, own_api: ApiUser) -> None:
    contact_id = (await own_api.create_contact())["contact_id"]
    stop = asyncio.Event()

    async def writer() -> None:
        while not stop.is_set():
            await update(own_api, contact_id, f"city {random.random()}")

    async with relaying(feed), asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(writer())
        done = await wait_for(asyncio.ensure_future(rebuilder(feed)(None, silent)))
        stop.set()
    assert done.requested == 1


async def compared(feed: Feed) -> SnapshotVerdict:
    return await SnapshotVerifier(snapshots(feed), feed.store.feed_history)(None)


async def test_snapshots_are_compared_with_the_database(feed: Feed, own_api: ApiUser) -> None:
    gone, changed, early, lost, right = [(await own_api.create_contact())["contact_id"] for _ in range(5)]
    await feed.relay()
    assert await compared(feed) == SnapshotVerdict(compared=5)
    tenant, now = own_api.tenant_id, system_clock()
    was = await stored(feed, tenant)
    old = [snapshot(tenant, was[one], 1, "2026-11-25T00:00:00.000Z", f"old {one}", now) for one in (gone, changed)]
    assert (await own_api.request("DELETE", f"/v1/contacts/{gone}")).status == 200
    await update(own_api, changed, "Oslo")
    await update(own_api, right, "Bonn")
    await feed.relay()
    await feed.put([*old, tombstone(tenant, early, 1, "early", now)])
    await feed.store.database["contacts"].update_one({"_id": lost}, {"$set": {"properties.city": "changed by hand"}})
    late = (await own_api.create_contact())["contact_id"]
    loaded = replace(contact_of({**(await raw(feed, right)), "_id": "ct_loaded", "email": "l@example.com"}), sequence=0)
    await feed.store.contacts.insert(loaded)

    verdict = await compared(feed)

    assert {one.contact_id: one.fault for one in verdict.faults} == {
        gone: "no longer there, but its snapshot is",
        changed: "its snapshot is not what the database has",
        lost: "its snapshot is not what the database has",
        early: "its snapshot says that it is gone, and it is not",
    }
    assert {one.tenant_id for one in verdict.faults} == {tenant}
    assert (verdict.compared, verdict.waiting, verdict.untold) == (6, 1, 1)
    await feed.store.outbox.mark_published([record.record_id for record in await feed.waiting(late)])
    assert "has no snapshot" in {one.fault for one in (await compared(feed)).faults}

    async with relaying(feed):
        done = await wait_for(asyncio.ensure_future(rebuilder(feed)(None, silent)))
    assert (done.requested, done.buried) == (6, 1)
    assert await compared(feed) == SnapshotVerdict(compared=6)
    assert (await topic(feed))[gone][-1] is None


async def test_another_event_in_the_place_of_a_snapshot_is_told(feed: Feed, own_api: ApiUser) -> None:
    contact_id = (await own_api.create_contact())["contact_id"]
    [change] = await feed.waiting(contact_id)
    await feed.relay()
    await feed.put([replace(change, topic=CONTACTS_SNAPSHOT)])
    assert [(one.contact_id, one.fault) for one in (await compared(feed)).faults] == [
        (contact_id, "its snapshot is not what the database has")
    ]


async def raw(feed: Feed, contact_id: str) -> dict[str, Any]:
    found = await feed.store.database["contacts"].find_one({"_id": contact_id})
    assert found is not None
    return found


async def test_live_writes_are_no_faults_of_snapshots(feed: Feed, own_api: ApiUser) -> None:
    contacts = [(await own_api.create_contact())["contact_id"] for _ in range(6)]
    stop, dice = asyncio.Event(), random.Random(3)

    async def writer() -> None:
        while not stop.is_set():
            await update(own_api, dice.choice(contacts), f"city {dice.random()}")

    async with relaying(feed), asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(writer())
        verdicts = [await compared(feed) for _ in range(3)]
        stop.set()
    assert [verdict.faults for verdict in verdicts] == [[], [], []]
