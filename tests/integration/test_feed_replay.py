"""Publishing again, on the real servers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.changes import REPLAY_HEADER
from schemas.timestamps import iso_millis
from schemas.topics import CONTACTS_CHANGES
from service.errors import FeedRequestError
from service.feed import replay
from service.feed.replay import FeedReplayer, ReplayRequest, ReplayStoppedError
from service.feed.verify import FeedVerifier
from service.kafka.replay import KafkaReplayPublisher
from service.mongo.feed import MongoFeedHistory
from service.mongo.store import MongoStore
from service.outbox.model import OutboxRecord
from service.settings import ReplaySettings
from tests.support.api import ApiUser
from tests.support.commands import pathbound
from tests.support.events import MORNING
from tests.support.feed import LIFE, Feed, kafka_admin, live
from tests.support.relay import read_committed

SECOND = timedelta(seconds=1)


@pytest.fixture
def another(feed: Feed) -> str:
    """Another topic, with as many partitions as the feed."""
    name = f"{feed.prefix}again"
    make_topic(feed, name, 2)
    return name


@pytest.fixture
async def batches(feed: Feed, own_api: ApiUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact's life is on the feed, and its replay takes several batches, of which the last is not full."""
    assert len(LIFE) % 5
    monkeypatch.setattr(replay, "_BATCH", 5)
    await live(own_api)
    await feed.relay()


def make_topic(feed: Feed, name: str, partitions: int, **config: str) -> None:
    admin = kafka_admin.AdminClient({"bootstrap.servers": feed.bootstrap})
    for future in admin.create_topics([kafka_admin.NewTopic(name, partitions, 1, config=config)]).values():
        future.result(20)


async def run(
    feed: Feed,
    tenant: str,
    topic: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    history: MongoFeedHistory | None = None,
    stop: asyncio.Event | None = None,
) -> int:
    now = await feed.store.feed_history.now()
    settings = ReplaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=feed.prefix)
    replayer = FeedReplayer(history or feed.store.feed_history, KafkaReplayPublisher(settings, tenant), feed.name)
    wanted = ReplayRequest(
        tenant, start or now - timedelta(minutes=30), end or now + timedelta(minutes=1), topic or feed.name
    )
    return await replayer(wanted, stop)


def told(records: list[Any]) -> list[tuple[bytes, bytes]]:
    return [(record.key, record.value) for record in records]


async def test_a_replay_into_another_topic_is_the_same_to_the_byte(
    feed: Feed, own_api: ApiUser, another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "_BATCH", 5)
    contacts = [await live(own_api), await live(own_api)]
    await feed.relay()

    assert await run(feed, own_api.tenant_id, another) == 2 * len(LIFE)

    first, again = await read_committed(feed.bootstrap, feed.name), await read_committed(feed.bootstrap, another)
    for contact_id in contacts:
        records, repeats = ([one for one in many if one.key == contact_id.encode()] for many in (first, again))
        assert told(repeats) == told(records)
        assert [one.headers for one in repeats] == [one.headers for one in records]


async def test_a_replay_in_place_says_so_and_the_gap_check_is_not_misled(feed: Feed, own_api: ApiUser) -> None:
    contact_id = await live(own_api)
    await feed.relay()

    assert await run(feed, own_api.tenant_id) == len(LIFE)

    records = await read_committed(feed.bootstrap, feed.name)
    assert told(records[len(LIFE) :]) == told(records[: len(LIFE)])
    marks = [dict(record.headers).get(REPLAY_HEADER) for record in records]
    assert marks[: len(LIFE)] == [None] * len(LIFE)
    assert None not in marks[len(LIFE) :]
    verifier = FeedVerifier(feed.topic, feed.store.feed_history)
    [verdict] = [one async for one in verifier.judge(*await verifier.read(None))]
    assert (verdict.contact_id, verdict.complete, verdict.repeats) == (contact_id, True, 0)


async def test_only_what_is_asked_for_and_was_published_is_replayed(feed: Feed, own_api: ApiUser, another: str) -> None:
    early, late = await live(own_api), await live(own_api)
    waiting = (await own_api.create_contact())["contact_id"]
    await feed.put([*await feed.waiting(early), *await feed.waiting(late)])
    boundary = (await feed.waiting(late))[0].committed_at

    assert await run(feed, "another-tenant", another) == 0
    assert await run(feed, own_api.tenant_id, another, start=boundary) == len(LIFE)
    assert await run(feed, own_api.tenant_id, another, end=boundary) == len(LIFE)

    keys = {record.key.decode() for record in await read_committed(feed.bootstrap, another)}
    assert keys == {early, late}
    assert waiting not in keys


async def test_without_an_end_all_is_replayed_whatever_the_clocks_say(
    feed: Feed, own_api: ApiUser, another: str, env: dict[str, str]
) -> None:
    """Committed by a process whose clock is ahead of the one that asks."""
    await live(own_api)
    ahead = await feed.store.feed_history.now() + timedelta(minutes=5)
    await feed.store.database["outbox"].update_many({}, {"$set": {"committed_at": ahead}})
    await feed.relay()

    command = ["feed", "replay", "--tenant", own_api.tenant_id, "--from", iso_millis(ahead - timedelta(hours=1))]
    done = await asyncio.to_thread(lambda: pathbound(*command, "--topic", another, **env))

    assert done.returncode == 0, done.stderr
    assert len(await read_committed(feed.bootstrap, another)) == len(LIFE)


class Expiring(MongoFeedHistory):
    """The outbox's retention takes records away while they are read."""

    async def records(self, tenant_id: str, record_ids: Any) -> list[OutboxRecord]:
        found = await super().records(tenant_id, record_ids)
        return found if found[0].sequence == 1 else found[1:]


@pytest.mark.usefixtures("batches")
async def test_what_fails_in_the_middle_publishes_nothing_and_blocks_nobody(
    feed: Feed, own_api: ApiUser, another: str
) -> None:
    with pytest.raises(FeedRequestError, match="expired"):
        await run(feed, own_api.tenant_id, another, history=Expiring(feed.store.database))
    assert await read_committed(feed.bootstrap, another) == []

    assert await run(feed, own_api.tenant_id, another) == len(LIFE)
    assert len(await read_committed(feed.bootstrap, another)) == len(LIFE)


class Interrupted(MongoFeedHistory):
    """The process gets a signal while records are read."""

    stop: asyncio.Event

    async def records(self, tenant_id: str, record_ids: Any) -> list[OutboxRecord]:
        self.stop.set()
        return await super().records(tenant_id, record_ids)


@pytest.mark.usefixtures("batches")
async def test_what_is_stopped_in_the_middle_publishes_nothing_and_blocks_nobody(
    feed: Feed, own_api: ApiUser, another: str
) -> None:
    history = Interrupted(feed.store.database)
    history.stop = asyncio.Event()

    with pytest.raises(ReplayStoppedError):
        await run(feed, own_api.tenant_id, another, history=history, stop=history.stop)
    assert await read_committed(feed.bootstrap, another) == []

    assert await run(feed, own_api.tenant_id) == len(LIFE)


class Overtaken(MongoFeedHistory):
    """Another replay of the tenant is begun and ends while records are read."""

    another: Callable[[], Awaitable[int]]

    async def records(self, tenant_id: str, record_ids: Any) -> list[OutboxRecord]:
        if len(record_ids) < 5:
            await self.another()
        return await super().records(tenant_id, record_ids)


@pytest.mark.usefixtures("batches")
async def test_of_two_at_once_one_publishes_and_the_other_says_why_not(
    feed: Feed, own_api: ApiUser, another: str
) -> None:
    history = Overtaken(feed.store.database)
    history.another = lambda: run(feed, own_api.tenant_id, another)

    with pytest.raises(FeedRequestError, match="Another replay of this tenant has begun since"):
        await run(feed, own_api.tenant_id, another, history=history)
    assert len(await read_committed(feed.bootstrap, another)) == len(LIFE)


async def test_a_topic_that_takes_small_records_alone_is_said_to(feed: Feed, own_api: ApiUser) -> None:
    await live(own_api)
    await feed.relay()
    small = f"{feed.prefix}small"
    make_topic(feed, small, 2, **{"max.message.bytes": "200"})

    with pytest.raises(FeedRequestError, match=r"small does not take records as large .* max\.message\.bytes=16777216"):
        await run(feed, own_api.tenant_id, small)


async def test_a_range_too_large_is_refused_with_where_to_cut_it(
    feed: Feed, own_api: ApiUser, another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = await live(own_api)
    await feed.relay()
    monkeypatch.setattr(replay, "MAX_RECORDS", len(LIFE) - 1)
    last = (await feed.waiting(contact_id))[-1].committed_at

    with pytest.raises(FeedRequestError, match=f"give --to {iso_millis(last)}"):
        await run(feed, own_api.tenant_id, another)

    assert await run(feed, own_api.tenant_id, another, end=last) == len(LIFE) - 1
    assert await run(feed, own_api.tenant_id, another, start=last) == 1
    assert len(await read_committed(feed.bootstrap, another)) == len(LIFE)


async def test_what_cannot_be_is_refused_before_anything_is_published(
    feed: Feed, own_api: ApiUser, another: str
) -> None:
    await live(own_api)
    await feed.relay()
    now = await feed.store.feed_history.now()
    make_topic(feed, f"{feed.prefix}narrow", 1)

    with pytest.raises(FeedRequestError, match=r"ends .* before it begins"):
        await run(feed, own_api.tenant_id, another, start=now, end=now)
    with pytest.raises(FeedRequestError, match="no longer kept for replay: give a later --from"):
        await run(feed, own_api.tenant_id, another, start=now - timedelta(hours=2))
    with pytest.raises(FeedRequestError, match=r"narrow has 1 partition and .* has 2: give it as many"):
        await run(feed, own_api.tenant_id, f"{feed.prefix}narrow")
    with pytest.raises(FeedRequestError, match=r"There is no topic .*nowhere: make it with 2 partitions first"):
        await run(feed, own_api.tenant_id, f"{feed.prefix}nowhere")
    for name in ("contacts.snapshot", "contacts.timeline", "tracker.events", "tracker.events.dlq"):
        with pytest.raises(FeedRequestError, match="is for something else: name a topic that you made"):
            await run(feed, own_api.tenant_id, f"{feed.prefix}{name}")
    with pytest.raises(FeedRequestError, match="__consumer_offsets is for something else"):
        await run(feed, own_api.tenant_id, "__consumer_offsets")
    for name in ("no such!", ".", ".."):
        with pytest.raises(FeedRequestError, match=f"'{name}' cannot be a topic's name"):
            await run(feed, own_api.tenant_id, name)

    for topic in (another, f"{feed.prefix}narrow"):
        assert await read_committed(feed.bootstrap, topic) == []
    assert len(await read_committed(feed.bootstrap, feed.name)) == len(LIFE)


async def test_what_is_replayed_is_looked_for_among_a_bounded_number_at_once(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.mongo.stretches.LOOKED_AT", 10)
    for tenant in ("acme", "acme-2"):
        # Commits go around the contacts, while the index goes along them.
        numbers = [(n, f"ct_{n % 7}", n // 7 + 1) for n in range(95)]
        made = [
            OutboxRecord(f"{tenant}-{n:03}", tenant, one, sequence, CONTACTS_CHANGES, b"{}", (), MORNING + n * SECOND)
            for n, one, sequence in numbers
        ]
        await store.outbox.append(made)
        await store.outbox.mark_published([one.record_id for one in made])
    start, end, now = MORNING + 10 * SECOND, MORNING + 80 * SECOND, await store.feed_history.now()

    await store.database.command("profile", 2)
    found = await store.feed_history.published_ids("acme", start, end, now + SECOND, 50)
    await store.database.command("profile", 0)

    assert found == [(f"acme-{n:03}", MORNING + n * SECOND) for n in range(10, 60)]
    queries = await store.database["system.profile"].find({"ns": {"$regex": "outbox$"}}).to_list(None)
    assert len(queries) >= 2 * 95 // 10
    assert max(one["keysExamined"] for one in queries) <= 11
