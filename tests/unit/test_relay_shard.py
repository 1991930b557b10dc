"""One shard's worker, over an outbox and a Kafka in memory that fail when told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

import pytest

from service.clock import system_clock
from service.errors import StoreUnavailableError, StreamUnavailableError
from service.outbox.model import OutboxRecord
from service.outbox.publisher import Publisher, PublisherFencedError
from service.outbox.shard import ShardWorker
from tests.support.relay import record_of
from tests.support.waiting import eventually

CONTACT = "contact"


class FakeOutbox:
    """Records in order; `mark_faults` are raised, one a call, by mark_published."""

    def __init__(self, count: int) -> None:
        self.waiting = [record_of(CONTACT, sequence, "topic") for sequence in range(1, count + 1)]
        self.mark_faults: list[Exception] = []

    async def append(self, records: Sequence[OutboxRecord]) -> None:
        self.waiting += records

    async def unpublished(self, shard: int, limit: int) -> list[OutboxRecord]:
        return self.waiting[:limit]

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        if self.mark_faults:
            raise self.mark_faults.pop(0)
        self.waiting = [record for record in self.waiting if record.record_id not in record_ids]

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        return {}

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        raise NotImplementedError


class FakeKafka:
    """What was published, by sequence; `faults` happen one a batch (None: none)."""

    def __init__(self, *faults: Exception | None) -> None:
        self.published: list[int] = []
        self.publishers: list[FakePublisher] = []
        self.faults = list(faults)
        self.blocked: asyncio.Event | None = None
        self.entered = asyncio.Event()

    def make(self, shard: int) -> Publisher:
        self.publishers.append(FakePublisher(self))
        return self.publishers[-1]


class FakePublisher:
    def __init__(self, kafka: FakeKafka) -> None:
        self.kafka = kafka
        self.started = self.stopped = self.broken = False

    async def start(self) -> None:
        self.started = True

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        assert self.started
        assert not self.stopped
        assert not self.broken, "a publisher is used again after its error"
        self.kafka.entered.set()
        if self.kafka.blocked is not None:
            await self.kafka.blocked.wait()
        fault = self.kafka.faults.pop(0) if self.kafka.faults else None
        if fault is not None:
            self.broken = True
            raise fault
        self.kafka.published += [record.sequence for record in records]

    async def stop(self) -> None:
        self.stopped = True


@asynccontextmanager
async def working(
    outbox: FakeOutbox, kafka: FakeKafka, *, seconds: float = 30.0
) -> AsyncIterator[tuple[ShardWorker, "asyncio.Task[None]"]]:
    until = asyncio.get_running_loop().time() + seconds
    worker = ShardWorker(0, outbox, kafka.make, batch=2, clock=system_clock, until=until)
    task = asyncio.create_task(worker.run())
    try:
        yield worker, task
    finally:
        worker.cut()
        await asyncio.wait([task])
        await worker.close()


def nothing_waits(outbox: FakeOutbox) -> Callable[[], Awaitable[bool]]:
    async def empty() -> bool:
        return not outbox.waiting

    return empty


async def test_everything_is_published_once_and_in_order() -> None:
    outbox, kafka = FakeOutbox(7), FakeKafka()
    async with working(outbox, kafka):
        await eventually(nothing_waits(outbox), 5, "all marked")
    assert kafka.published == [1, 2, 3, 4, 5, 6, 7]


async def test_after_an_error_work_resumes_at_the_first_record_without_an_answer_by_a_new_publisher() -> None:
    outbox, kafka = FakeOutbox(5), FakeKafka(None, StreamUnavailableError("gone"), StreamUnavailableError("still"))
    async with working(outbox, kafka) as (worker, _):
        await eventually(nothing_waits(outbox), 5, "all marked")
        assert worker.trouble is None
    assert kafka.published == [1, 2, 3, 4, 5]
    assert len(kafka.publishers) == 3
    assert all(publisher.stopped for publisher in kafka.publishers)


async def test_a_mark_that_fails_is_made_up_for_without_publishing_again() -> None:
    outbox, kafka = FakeOutbox(4), FakeKafka()
    outbox.mark_faults = [StoreUnavailableError(), StoreUnavailableError()]
    async with working(outbox, kafka):
        await eventually(nothing_waits(outbox), 5, "all marked")
    assert kafka.published == [1, 2, 3, 4]


async def test_fenced_means_the_end_of_the_turn() -> None:
    outbox, kafka = FakeOutbox(4), FakeKafka(None, PublisherFencedError())
    async with working(outbox, kafka) as (_, task):
        with pytest.raises(PublisherFencedError):
            await asyncio.wait_for(task, 5)
    assert kafka.published == [1, 2]


async def test_nothing_is_published_after_the_lease_even_if_a_batch_was_in_flight() -> None:
    outbox, kafka = FakeOutbox(4), FakeKafka()
    kafka.blocked = asyncio.Event()
    async with working(outbox, kafka, seconds=0.3) as (worker, task):
        await asyncio.wait_for(kafka.entered.wait(), 5)
        await asyncio.wait_for(task, 5)
        kafka.blocked.set()
        worker.extend(asyncio.get_running_loop().time() + 10)
    assert kafka.published == []
    assert kafka.publishers[0].stopped


async def test_nothing_is_published_that_was_read_while_the_lease_ended() -> None:
    """As where the process was stopped meanwhile: it goes on before its timers do."""
    outbox, kafka = FakeOutbox(4), FakeKafka()
    read = outbox.unpublished
    async with working(outbox, kafka) as (worker, task):

        async def read_late(shard: int, limit: int) -> list[OutboxRecord]:
            worker.cut()
            return await read(shard, limit)

        outbox.unpublished = read_late  # type: ignore[method-assign]
        await asyncio.wait_for(task, 5)
    assert kafka.published == []


async def test_a_renewed_lease_goes_on() -> None:
    outbox, kafka = FakeOutbox(2), FakeKafka()
    async with working(outbox, kafka, seconds=0.2) as (worker, task):
        loop = asyncio.get_running_loop()
        await eventually(nothing_waits(outbox), 5, "all marked")
        worker.extend(loop.time() + 30)
        first_end = loop.time() + 0.2

        async def past_it() -> bool:
            return loop.time() > first_end

        await eventually(past_it, 5, "the first end is over")
        await outbox.append([record_of(CONTACT, 3, "topic")])
        worker.wake()
        await eventually(nothing_waits(outbox), 5, "all marked")
        assert not task.done()


async def test_draining_finishes_the_batch_in_flight_and_only_that() -> None:
    outbox, kafka = FakeOutbox(6), FakeKafka()
    kafka.blocked = asyncio.Event()
    async with working(outbox, kafka) as (worker, task):
        await asyncio.wait_for(kafka.entered.wait(), 5)
        worker.drain()
        kafka.blocked.set()
        await asyncio.wait_for(task, 5)
    assert kafka.published == [1, 2]
    assert [record.sequence for record in outbox.waiting] == [3, 4, 5, 6]


async def test_a_fault_that_nobody_foresaw_is_not_swallowed() -> None:
    outbox, kafka = FakeOutbox(1), FakeKafka(ZeroDivisionError())
    async with working(outbox, kafka) as (_, task):
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(task, 5)
