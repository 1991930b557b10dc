"""The relay on the real servers, judged by what a `read_committed` subscriber gets."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import pytest

from schemas.topics import CONTACTS_CHANGES
from service.errors import StoreUnavailableError, StreamUnavailableError
from service.kafka.publishers import TransactionalPublisher, publisher_factory, transactional_id
from service.mongo.store import MongoStore
from service.outbox.leasing import fair_share
from service.outbox.model import SHARDS, OutboxRecord
from service.outbox.ports import Outbox
from service.outbox.publisher import Publisher, PublisherFencedError
from service.outbox.relay import Relay
from service.settings import RelaySettings
from tests.support.relay import (
    by_contact,
    contact_in,
    expected,
    first_seen,
    read_committed,
    record_of,
    running,
    transactional,
)
from tests.support.waiting import eventually

CONTACTS = [contact_in(number % SHARDS) for number in range(80)]


@pytest.fixture
def topic(topic_prefix: str, init_topics: list[str]) -> str:
    """The change feed's topic."""
    return next(name for name in init_topics if name.endswith("contacts.changes"))


async def write(store: MongoStore, topic: str, contacts: Sequence[str], upto: int) -> None:
    """Records 1 to `upto` of each contact, in order per contact, many contacts at a time."""

    async def one(contact: str) -> None:
        for sequence in range(1, upto + 1):
            await store.outbox.append([record_of(contact, sequence, topic)])

    await asyncio.gather(*(one(contact) for contact in contacts))


async def drained(outbox: Outbox, seconds: float = 60) -> None:
    async def nothing_waits() -> bool:
        return not await outbox.backlog()

    await eventually(nothing_waits, seconds, "the outbox is drained")


async def holds(relay: Relay, count: int) -> None:
    async def so_many() -> bool:
        return len(relay.shards) == count

    await eventually(so_many, 20, f"{count} shards are held")


async def test_several_relays_publish_each_contacts_records_once_in_order(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    publishers = transactional(kafka_bootstrap, topic_prefix)
    async with (
        running(store.outbox, store.leases, publishers, batch=7),
        running(store.outbox, store.leases, publishers, batch=7),
        running(store.outbox, store.leases, publishers, batch=7),
    ):
        await write(store, topic, CONTACTS, 10)
        await drained(store.outbox)
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected(CONTACTS, 10)


async def test_a_message_is_the_record_headers_and_all(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    contact = contact_in(4)
    await store.outbox.append([record_of(contact, 1, topic, '{"name":"Zoë"}'.encode())])
    async with running(store.outbox, store.leases, transactional(kafka_bootstrap, topic_prefix)):
        await drained(store.outbox)
    [message] = await read_committed(kafka_bootstrap, topic)
    assert message.key == contact.encode()
    assert message.value == '{"name":"Zoë"}'.encode()
    assert dict(message.headers) == {
        "content-type": b"application/json",
        "x-request-id": b"request-1",
        "id": contact.encode(),
    }


async def test_a_commit_is_published_at_once_and_not_by_the_sweep(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    publishers = transactional(kafka_bootstrap, topic_prefix)
    async with running(store.outbox, store.leases, publishers, sweep_seconds=600) as relay:
        await holds(relay, SHARDS)
        await eventually(lambda: _ready(relay), 10, "the relay is ready")
        await write(store, topic, CONTACTS[:8], 3)
        await drained(store.outbox, 20)
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected(CONTACTS[:8], 3)


async def _ready(relay: Relay) -> bool:
    try:
        await relay.check()
    except (StoreUnavailableError, StreamUnavailableError):
        return False
    return True


async def test_the_topic_prefix_is_added_where_records_are_published(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    contact = contact_in(2)
    settings = RelaySettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix)
    await store.outbox.append([record_of(contact, 1, CONTACTS_CHANGES)])
    async with running(store.outbox, store.leases, publisher_factory(settings)):
        await drained(store.outbox)
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected([contact], 1)


async def test_a_paused_predecessor_can_publish_nothing(kafka_bootstrap: str, topic_prefix: str, topic: str) -> None:
    contact = contact_in(0)
    records = [record_of(contact, sequence, topic) for sequence in (1, 2)]
    paused, successor = (TransactionalPublisher(kafka_bootstrap, transactional_id(topic_prefix, 0)) for _ in range(2))
    try:
        await paused.start()
        await paused.publish(records[:1])
        await successor.start()
        with pytest.raises(PublisherFencedError):
            await paused.publish(records)
        await successor.publish(records[1:])
    finally:
        await paused.stop()
        await successor.stop()
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected([contact], 2)


async def test_a_predecessor_paused_in_the_middle_of_a_batch_cannot_finish_it(
    kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    contact = contact_in(0)
    record = record_of(contact, 1, topic)
    paused, successor = (TransactionalPublisher(kafka_bootstrap, transactional_id(topic_prefix, 0)) for _ in range(2))
    try:
        await paused.start()
        producer = paused._started()
        await producer.begin_transaction()
        await paused._send_all(producer, [record])
        await successor.start()
        await successor.publish([record])
        with pytest.raises(PublisherFencedError):
            async with paused._bounded(10):
                await producer.commit_transaction()
    finally:
        await paused.stop()
        await successor.stop()
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected([contact], 1)


async def test_a_dead_relays_shards_are_taken_over_and_its_open_batch_comes_to_nothing(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    contacts = CONTACTS[: 2 * SHARDS]
    await write(store, topic, contacts, 3)
    dead = TransactionalPublisher(kafka_bootstrap, transactional_id(topic_prefix, 0))
    await dead.start()
    try:
        producer = dead._started()
        await producer.begin_transaction()
        await dead._send_all(producer, await store.outbox.unpublished(0, 100))
        await store.leases.heartbeat("dead", 1.5)
        for shard in range(SHARDS):
            assert await store.leases.acquire(shard, "dead", 1.5)
        async with running(store.outbox, store.leases, transactional(kafka_bootstrap, topic_prefix)) as relay:
            await holds(relay, SHARDS)
            await drained(store.outbox, 10)
    finally:
        await dead.stop()
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected(contacts, 3)


class Unlucky:
    """A publisher whose Kafka goes away, by seed: before a batch, or after it was committed but before the answer."""

    def __init__(self, inner: Publisher, luck: random.Random) -> None:
        self._inner = inner
        self._luck = luck
        self.start = inner.start
        self.stop = inner.stop

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        draw = self._luck.random()
        if draw < 0.15:
            raise StreamUnavailableError("before")
        await self._inner.publish(records)
        if draw > 0.85:
            raise StreamUnavailableError("after")


async def test_through_publish_errors_nothing_is_lost_and_order_is_kept(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    make, luck = transactional(kafka_bootstrap, topic_prefix), random.Random(7)
    async with running(store.outbox, store.leases, lambda shard: Unlucky(make(shard), luck), batch=20):
        await write(store, topic, CONTACTS, 8)
        await drained(store.outbox)
    seen = by_contact(await read_committed(kafka_bootstrap, topic))
    assert first_seen(seen) == expected(CONTACTS, 8)
    assert seen != first_seen(seen), "an answer was lost, so something must have come twice"


class DiesBeforeMarking:
    """An outbox whose relay dies after Kafka has the batch."""

    def __init__(self, inner: Outbox) -> None:
        self._inner = inner
        self.append = inner.append
        self.unpublished = inner.unpublished
        self.reached = asyncio.Event()

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        self.reached.set()
        await asyncio.Event().wait()

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        return await self._inner.backlog()

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        return self._inner.watch()


async def test_a_crash_between_kafka_and_the_mark_repeats_the_same_ids_and_loses_nothing(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    contact, publishers = contact_in(5), transactional(kafka_bootstrap, topic_prefix)
    for sequence in (1, 2, 3):
        await store.outbox.append([record_of(contact, sequence, topic)])
    dying = DiesBeforeMarking(store.outbox)
    async with running(dying, store.leases, publishers):
        await asyncio.wait_for(dying.reached.wait(), 20)
    async with running(store.outbox, store.leases, publishers):
        await drained(store.outbox)
    ids = expected([contact], 3)[contact]
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == {contact: ids + ids}


async def test_relays_share_the_shards_and_pass_them_on(
    store: MongoStore, kafka_bootstrap: str, topic_prefix: str, topic: str
) -> None:
    publishers = transactional(kafka_bootstrap, topic_prefix)
    async with running(store.outbox, store.leases, publishers) as first:
        await holds(first, SHARDS)
        async with running(store.outbox, store.leases, publishers) as second:
            await holds(second, fair_share(2))
            await holds(first, fair_share(2))
            assert sorted([*first.shards, *second.shards]) == list(range(SHARDS))
            await write(store, topic, CONTACTS[:16], 2)
            await drained(store.outbox)
        await holds(first, SHARDS)
    assert await store.leases.holders() == {}
    assert by_contact(await read_committed(kafka_bootstrap, topic)) == expected(CONTACTS[:16], 2)
