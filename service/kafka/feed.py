"""Reading a feed topic as a subscriber does, without a consumer group: nothing that is read here is remembered."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.changes import REPLAY_HEADER
from schemas.timestamps import EPOCH
from schemas.topics import HEADER_ROOM_BYTES, MAX_RECORD_BYTES
from service.errors import FeedRequestError
from service.feed.model import Bounds, FeedRecord
from service.kafka.cloudevents import read_event
from service.kafka.connection import Broker, client_options, start_client
from service.kafka.producers import partition_of_key
from service.kafka.refusals import in_feed_words
from service.kafka.topics import partitions_of

_POLL_MS = 200
_STILL_SECONDS = 40.0
"""How long a partition may stand still: longer than any transaction of ours may stay open."""


class KafkaFeedTopic:
    """Implements `service.feed.ports.FeedTopic`. `topic` is the full name."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    async def bounds(self) -> dict[int, Bounds]:
        """See FeedTopic.bounds."""
        async with self._consumer("read_uncommitted") as (consumer, partitions):
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        return {one.partition: Bounds(begins[one], ends[one]) for one in partitions}

    async def read(self, bounds: Mapping[int, Bounds]) -> AsyncGenerator[FeedRecord, None]:
        """See FeedTopic.read. A transaction that is open at the start is waited for."""
        async with self._consumer("read_committed") as (consumer, partitions):
            left = {one for one in partitions if bounds[one.partition].begin < bounds[one.partition].end}
            for one in partitions:
                consumer.seek(one, bounds[one.partition].begin)
            consumer.pause(*(set(partitions) - left))
            moved = _now()
            while left:
                for partition, raw in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
                    moved = _now()
                    for record in raw:
                        if record.offset < bounds[partition.partition].end:
                            yield _record(record)
                done = {one for one in left if await consumer.position(one) >= bounds[one.partition].end}
                consumer.pause(*done)
                left -= done
                if _now() - moved > _STILL_SECONDS and not done:
                    raise FeedRequestError(
                        f"{self._topic} stands still at partition {min(left).partition}: a transaction is open on it; "
                        "try again once Kafka has ended it (transaction.timeout.ms)."
                    )

    async def follow(self, *, from_beginning: bool) -> AsyncGenerator[FeedRecord, None]:
        """Every record as it is committed, for ever; from now on, or from the oldest that is retained."""
        async with self._consumer("read_committed") as (consumer, partitions):
            await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
            while True:
                for raw in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in raw:
                        yield _record(record)

    def partition_of(self, contact_id: str, partitions: int) -> int:
        """See FeedTopic.partition_of: as producers choose it by default, ours and Java's."""
        everyone = list(range(partitions))
        return partition_of_key(contact_id.encode(), everyone, everyone)

    @asynccontextmanager
    async def _consumer(self, isolation: str) -> AsyncIterator[tuple[Any, list[TopicPartition]]]:
        count = await partitions_of(self._broker, self._topic)
        if count is None:
            raise FeedRequestError(f"There is no topic {self._topic}: make it with `pathbound init`.")
        partitions = [TopicPartition(self._topic, number) for number in range(count)]
        consumer = AIOKafkaConsumer(
            **client_options(self._broker),
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=MAX_RECORD_BYTES + HEADER_ROOM_BYTES,
        )
        with in_feed_words("read", self._topic):
            try:
                await start_client(consumer, self._broker)
                consumer.assign(partitions)
                yield consumer, partitions
            finally:
                await _stop(consumer)


async def _stop(consumer: Any) -> None:
    # Its tasks must have begun: one that is cancelled before ends stop() as if we had been cancelled, its sockets open.
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(1.0):
            await consumer.stop()
    except (TimeoutError, KafkaError, OSError):
        return  # it had nothing to hand in


def _record(raw: Any) -> FeedRecord:
    headers = tuple((name, (value or b"").decode(errors="replace")) for name, value in raw.headers)
    return FeedRecord(
        partition=raw.partition,
        offset=raw.offset,
        timestamp=EPOCH + timedelta(milliseconds=raw.timestamp),
        contact_id=(raw.key or b"").decode(errors="replace"),
        event=_event(raw),
        replay=dict(headers).get(REPLAY_HEADER),
        headers=headers,
        tombstone=not raw.value,
    )


def _event(raw: Any) -> dict[str, Any] | None:
    try:
        return read_event(raw.headers, raw.value or b"")
    except (ValueError, KeyError):
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
