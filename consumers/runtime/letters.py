"""Reading the dead letter topics: what is there, what it says of itself, and which letters somebody asks for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from consumers.runtime.client import make_reader
from consumers.runtime.dead_letters import HEADER_PREFIX, OMITTED, Headers
from consumers.runtime.records import arrival_of
from schemas.positions import Position
from schemas.timestamps import EPOCH
from service.errors import StreamUnavailableError
from service.kafka.connection import Broker, start_client

_STALLED_SECONDS = 15.0
_CLOSE_SECONDS = 2.0
_POLL_MS = 500
_AT_ONCE = 200

Progress = Callable[[int, int], None]
"""Told of how many letters were looked at, of how many."""


class Letter(NamedTuple):
    """A dead letter, where it is, and when it came there."""

    position: Position
    at: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def told(self, name: str) -> str | None:
        """What our own header says: the last of that name, since the record's own come before ours."""
        values = [value for header, value in self.headers if header == f"{HEADER_PREFIX}{name}"]
        return (values[-1] or b"").decode("utf-8", "backslashreplace") if values else None

    @property
    def reason(self) -> str:
        """Why it is here."""
        return self.told("reason") or ""

    @property
    def original(self) -> Position | None:
        """Where the record was read from; None if a letter does not say so (it is none of ours then)."""
        topic, partition, offset = (self.told(f"original-{name}") for name in ("topic", "partition", "offset"))
        if not topic or not (partition or "").isdecimal() or not (offset or "").isdecimal():
            return None
        return Position(topic, int(partition or 0), int(offset or 0))

    @property
    def omitted(self) -> int | None:
        """The value's size, where the letter does not hold it since there was no room."""
        size = self.told(OMITTED) if self.value is None else None
        return int(size) if size and size.isdecimal() else None

    @property
    def size(self) -> int:
        """The value's, in bytes."""
        return len(self.value or b"") if self.omitted is None else self.omitted

    def source_headers(self) -> Headers:
        """The record's own headers, as its producer sent them."""
        return [(name, value) for name, value in self.headers if not name.startswith(HEADER_PREFIX)]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters somebody asks for; None asks for all. `reason` is a part of it, whatever the case."""

    topics: tuple[str, ...]
    partition: int | None = None
    offset: int | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    newest: int | None = None
    """Of each partition only so many at its end are looked at."""

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is asked for."""
        return (
            (self.reason is None or self.reason.casefold() in letter.reason.casefold())
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
        )


class LetterReader:
    """Reads dead letter topics up to their present ends, without a group: it changes nothing."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    async def select(self, asked: Selection, progress: Progress) -> AsyncIterator[Letter]:
        """The letters asked for, partition by partition, oldest first. Raises StreamUnavailableError."""
        ranges = await self._ranges(asked)
        total, seen = sum(end - start for start, end in ranges.values()), 0
        for partition, (start, end) in ranges.items():
            async for letter in self._read(partition, start, end):
                seen += 1
                progress(seen, total)
                if asked.takes(letter):
                    yield letter

    async def get(self, position: Position) -> Letter | None:
        """One letter; None if there is none. Raises StreamUnavailableError."""
        asked = Selection((position.topic,), position.partition, position.offset)
        async for letter in self.select(asked, lambda _seen, _total: None):
            return letter
        return None

    async def depth(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first offset and the end of each partition; none if there is no such topic."""
        with _in_core_words():
            partitions = await self._partitions((topic,), None)
            first, ends = await self._bounds(partitions)
        return {one.partition: (first[one], ends[one]) for one in partitions}

    async def _ranges(self, asked: Selection) -> dict[TopicPartition, tuple[int, int]]:
        """What to read of each partition: from where, up to where."""
        with _in_core_words():
            partitions = await self._partitions(asked.topics, asked.partition)
            first, ends = await self._bounds(partitions)
            if asked.since is not None and partitions:
                millis = max(0, (asked.since - EPOCH) // timedelta(milliseconds=1))
                found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, millis))
                first = {one: found[one].offset if found[one] else ends[one] for one in partitions}
        if asked.offset is not None:
            wanted = asked.offset
            return {one: (wanted, wanted + 1) for one in partitions if first[one] <= wanted < ends[one]}
        if asked.newest is not None:
            first = {one: max(first[one], ends[one] - asked.newest) for one in partitions}
        return {one: (first[one], ends[one]) for one in partitions if first[one] < ends[one]}

    async def _partitions(self, topics: Sequence[str], number: int | None) -> list[TopicPartition]:
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001 - topics() keeps the partitions back
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(cluster.partitions_for_topic(topic) or ())
            if number in (None, partition)
        ]

    async def _bounds(
        self, partitions: list[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        if not partitions:
            return {}, {}
        self._consumer.assign(partitions)
        first = await self._consumer.beginning_offsets(partitions)
        return first, await self._consumer.end_offsets(partitions)

    async def _read(self, partition: TopicPartition, start: int, end: int) -> AsyncIterator[Letter]:
        self._consumer.assign([partition])
        self._consumer.seek(partition, start)
        moved = time.monotonic()
        while (position := await self._position(partition)) < end:
            with _in_core_words():
                fetched = await self._consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            for raw in fetched.get(partition, ()):
                if raw.offset >= end:
                    return
                yield _letter(raw)
            if await self._position(partition) > position:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALLED_SECONDS:
                raise StreamUnavailableError("Kafka gives no records")

    async def _position(self, partition: TopicPartition) -> int:
        with _in_core_words():
            return int(await self._consumer.position(partition))


@asynccontextmanager
async def open_letters(broker: Broker) -> AsyncIterator[LetterReader]:
    """A reader, connected; disconnected at the end. Raises StreamUnavailableError."""
    consumer = make_reader(broker)
    try:
        with _in_core_words():
            await start_client(consumer, broker)
        yield LetterReader(consumer)
    finally:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            await asyncio.wait_for(consumer.stop(), _CLOSE_SECONDS)


@contextmanager
def _in_core_words() -> Iterator[None]:
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise StreamUnavailableError(type(error).__name__) from error


def _letter(raw: Any) -> Letter:
    position = Position(raw.topic, raw.partition, raw.offset)
    # Not as a record's: of one that was redriven and died again, that is when it came the first time.
    return Letter(position, arrival_of(raw), raw.key, raw.value, tuple(raw.headers))
