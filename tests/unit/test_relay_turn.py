"""A shard's two workers, over queues and a Kafka in memory: what one of them meets, and the other does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.clock import system_clock
from service.errors import StreamUnavailableError
from service.outbox.publisher import PublisherFencedError
from service.outbox.shard import ShardWorker
from service.outbox.turn import ShardTurn
from tests.support.waiting import eventually
from tests.unit.test_relay_shard import FakeKafka, FakeOutbox, nothing_waits


class Shard:
    """Changes and a timeline, each with records that wait and a Kafka of its own."""

    def __init__(self) -> None:
        self.changes, self.timeline = FakeOutbox(3), FakeOutbox(3)
        self.to_changes, self.to_timeline = FakeKafka(), FakeKafka()

    @asynccontextmanager
    async def turn(self, seconds: float = 30.0) -> AsyncIterator[tuple[ShardTurn, "asyncio.Task[None]"]]:
        until = asyncio.get_running_loop().time() + seconds
        pairs = ((self.changes, self.to_changes), (self.timeline, self.to_timeline))
        workers = [ShardWorker(0, q, kafka.make, batch=2, clock=system_clock, until=until) for q, kafka in pairs]
        turn = ShardTurn(*workers)
        task = asyncio.create_task(turn.run())
        try:
            yield turn, task
        finally:
            turn.cut()
            await asyncio.wait([task])
            await turn.close()
        publishers = [*self.to_changes.publishers, *self.to_timeline.publishers]
        assert all(publisher.stopped for publisher in publishers)


async def test_both_are_published_and_what_comes_later_by_a_look() -> None:
    shard = Shard()
    async with shard.turn() as (turn, task):
        await eventually(nothing_waits(shard.changes), 5, "changes are published")
        await eventually(nothing_waits(shard.timeline), 5, "the timeline is published")
        for queue in (shard.changes, shard.timeline):
            queue.waiting = FakeOutbox(1).waiting
        turn.wake()
        await eventually(nothing_waits(shard.changes), 5, "a call is for the changes")
        turn.look()
        await eventually(nothing_waits(shard.timeline), 5, "a look is for both")
        turn.drain()
        await asyncio.wait_for(task, 5)


async def test_a_timeline_that_cannot_be_published_is_told_and_holds_up_no_change() -> None:
    shard = Shard()
    shard.to_timeline.faults = [StreamUnavailableError("no topic")] * 1000
    async with shard.turn() as (turn, _):
        await eventually(nothing_waits(shard.changes), 5, "changes are published")

        async def told() -> bool:
            return str(turn.trouble) == "no topic"

        await eventually(told, 5, "the trouble is told")


@pytest.mark.parametrize("fault", [PublisherFencedError("another"), ZeroDivisionError()])
async def test_what_ends_one_of_them_ends_the_turn(fault: Exception) -> None:
    shard = Shard()
    shard.to_changes.blocked, shard.to_timeline.faults = asyncio.Event(), [fault]
    async with shard.turn() as (_, task):
        with pytest.raises(type(fault)):
            await asyncio.wait_for(task, 5)
    assert shard.changes.waiting, "the other was cut in the middle of its batch"


async def test_the_end_of_the_lease_ends_both() -> None:
    shard = Shard()
    shard.to_changes.blocked = shard.to_timeline.blocked = asyncio.Event()
    async with shard.turn(seconds=0.2) as (_, task):
        await asyncio.wait_for(task, 5)
    assert shard.to_changes.published == shard.to_timeline.published == []
