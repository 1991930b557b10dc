"""A piece of a consumer's work, with its handler, its DLQ and its commits in memory."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.work import Limits, Work
from schemas.timestamps import EPOCH
from service.clock import Clock, system_clock
from service.ledger.model import Receipt

Step = Callable[[Sequence[Record]], None]


def some(count: int, value: bytes = b"v") -> list[Record]:
    """Of one partition, from its beginning."""
    return [Record("t", 0, offset, None, value, EPOCH) for offset in range(count)]


class Scene:
    """A handler, a DLQ and a partition's commits, all in memory, writing down what happens in which order."""

    topic = "t"
    name = "test"

    def __init__(self, handle: Step = lambda _: None, publish: Step = lambda _: None) -> None:
        self.log: list[tuple[str, Any]] = []
        self.commit_errors: list[Exception] = []
        self.count_errors: list[Exception] = []
        self._handle = handle
        self._publish = publish

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        self._handle(records)
        self.log.append(("handled", [record.offset for record in records]))
        return [InvalidRecord(record, "bad", "Bad") for record in records if record.value == b"bad"]

    async def count_dead(self, dead: Sequence[Receipt]) -> None:
        if self.count_errors:
            raise self.count_errors.pop(0)
        self.log.append(("counted dead", [(receipt.offset, receipt.tenant_id) for receipt in dead]))

    async def publish(self, letters: Sequence[InvalidRecord]) -> None:
        self._publish([letter.record for letter in letters])
        self.log.append(("dead", [letter.record.offset for letter in letters]))

    async def commit(self, offsets: Mapping[int, int]) -> None:
        if self.commit_errors:
            raise self.commit_errors.pop(0)
        self.log.append(("committed", offsets[0] if set(offsets) == {0} else dict(offsets)))

    def work(self, records: Sequence[Record], batch: int = 100, clock: Clock = system_clock, slots: int = 4) -> Work:
        """The work with these records."""
        self.slots = asyncio.Semaphore(slots)
        limits = Limits(batch, 10**6, 4)
        return Work(self, records, limits, self.slots, self.count_dead, self.publish, self.commit, clock)


def failing(times: int, error: Exception) -> Step:
    """Fails so often, and then no more."""
    left = [error] * times

    def step(_: Sequence[Record]) -> None:
        if left:
            raise left.pop()

    return step


def of_partitions(*partitions: int) -> list[Record]:
    """Two of each."""
    return [Record("t", partition, offset, None, b"v", EPOCH) for partition in partitions for offset in (7, 8)]
