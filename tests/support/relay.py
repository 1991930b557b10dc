"""Records for the relay, a relay that runs, and a subscriber."""

import asyncio
import itertools
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from service.clock import system_clock
from service.kafka.publishers import TransactionalPublisher, transactional_id
from service.outbox.model import OutboxRecord, shard_of
from service.outbox.ports import Leases, Outbox
from service.outbox.publisher import PublisherFactory
from service.outbox.relay import Relay

_names = itertools.count(1)


def contact_in(shard: int) -> str:
    """A new contact id of that shard."""
    return next(found for found in iter(lambda: f"contact-{uuid.uuid4().hex}", "") if shard_of(found) == shard)


def record_of(contact_id: str, sequence: int, topic: str, value: bytes = b"{}") -> OutboxRecord:
    """A record committed now."""
    return OutboxRecord(
        record_id=f"{contact_id}:{sequence}",
        tenant_id="tenant",
        contact_id=contact_id,
        sequence=sequence,
        topic=topic,
        value=value,
        headers=(("content-type", "application/json"), ("x-request-id", f"request-{sequence}"), ("id", contact_id)),
        committed_at=system_clock(),
    )


def transactional(bootstrap: str, prefix: str) -> PublisherFactory:
    """Publishers as in production."""
    return lambda shard: TransactionalPublisher(bootstrap, transactional_id(prefix, shard))


@asynccontextmanager
async def running(
    outbox: Outbox, leases: Leases, publishers: PublisherFactory, **settings: Any
) -> AsyncIterator[Relay]:
    """A relay that runs, and stops at the end."""
    given = {"sweep_seconds": 0.5, "lease_seconds": 5.0, **settings}
    relay = Relay(outbox, leases, publishers, f"relay-{next(_names)}-{uuid.uuid4().hex[:6]}", **given)
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield relay
    finally:
        stop.set()
        await task


async def read_committed(bootstrap: str, topic: str) -> list[Any]:
    """All that a `read_committed` subscriber gets from the topic's start to its end as of now, by partition.

    What was acknowledged is visible only once its transaction's marker is written, a moment later: that is waited for.
    """
    ends = await _log_ends(bootstrap, topic)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", fetch_max_bytes=64 * 1024 * 1024
    )
    await consumer.start()
    try:
        consumer.assign(list(ends))
        await consumer.seek_to_beginning(*ends)
        records = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += batch
        return records
    finally:
        await consumer.stop()


async def _log_ends(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    """The ends of the partitions' logs, open transactions included."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        found = await consumer._client._wait_on_metadata(topic)
        return dict(await consumer.end_offsets([TopicPartition(topic, number) for number in sorted(found)]))
    finally:
        await consumer.stop()


def by_contact(records: Iterable[Any]) -> dict[str, list[str]]:
    """The ids of the messages of each contact, in the order read."""
    ids: dict[str, list[str]] = defaultdict(list)
    for record in records:
        contact_id = record.key.decode()
        sequence = dict(record.headers)["x-request-id"].decode().removeprefix("request-")
        ids[contact_id].append(f"{contact_id}:{sequence}")
    return dict(ids)


def expected(contacts: Sequence[str], upto: int) -> dict[str, list[str]]:
    """What `by_contact` must say: each contact's records 1 to `upto`, in order, once."""
    return {contact: [f"{contact}:{sequence}" for sequence in range(1, upto + 1)] for contact in contacts}


def first_seen(ids: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without repeats: what a subscriber keeps that drops ids it has seen."""
    return {contact: list(dict.fromkeys(seen)) for contact, seen in ids.items()}
