"""The relay as a whole, over fakes: what ends it, and what it says of itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from service.errors import StoreUnavailableError, StreamUnavailableError
from service.outbox.model import SHARDS
from service.outbox.relay import Relay
from tests.support.waiting import eventually
from tests.unit.test_relay_leasing import Table
from tests.unit.test_relay_shard import FakeKafka, FakeOutbox


class Quiet(FakeOutbox):
    """An outbox whose change stream never says anything, or fails with `fault`."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__(0)
        self.fault = fault

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[AsyncIterator[int]]:
        if self.fault is not None:
            raise self.fault
        yield _silence()

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        return self._stream()


async def _silence() -> AsyncIterator[int]:
    await asyncio.Event().wait()
    yield 0


def relay_over(outbox: FakeOutbox, table: Table, kafka: FakeKafka, lease_seconds: float = 3.0) -> Relay:
    return Relay(outbox, table, kafka.make, "relay", sweep_seconds=0.05, lease_seconds=lease_seconds)


async def test_a_fault_ends_the_relay_and_frees_its_shards() -> None:
    table, kafka = Table(), FakeKafka()
    relay = relay_over(Quiet(ZeroDivisionError()), table, kafka)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(relay.run(asyncio.Event()), 8)
    assert await table.holders() == {}


async def test_a_lost_change_stream_does_not_end_it_and_the_sweep_goes_on() -> None:
    table, kafka, outbox, stop = Table(), FakeKafka(), Quiet(StoreUnavailableError()), asyncio.Event()
    running = asyncio.create_task(relay_over(outbox, table, kafka).run(stop))
    outbox.waiting = FakeOutbox(3).waiting

    async def empty() -> bool:
        return not outbox.waiting

    await eventually(empty, 8, "the sweep found the records")
    stop.set()
    await asyncio.wait_for(running, 8)
    assert sorted(set(kafka.published)) == [1, 2, 3]


async def test_stopping_closes_publishers_gives_leases_back_and_departs() -> None:
    table, kafka, stop = Table(), FakeKafka(), asyncio.Event()
    relay = relay_over(Quiet(), table, kafka)
    running = asyncio.create_task(relay.run(stop))

    async def all_started() -> bool:
        return sum(publisher.started for publisher in kafka.publishers) == SHARDS

    await eventually(all_started, 8, "all shards are published")
    await relay.check()
    assert relay.last_progress > 0
    stop.set()
    await asyncio.wait_for(running, 8)
    assert all(publisher.stopped for publisher in kafka.publishers)
    assert table.leases == {}
    assert table.members == {}


async def test_readiness_tells_mongodb_away_from_kafka_away() -> None:
    table, kafka, outbox, stop = Table(), FakeKafka(), Quiet(), asyncio.Event()
    relay = relay_over(outbox, table, kafka, lease_seconds=0.9)
    with pytest.raises(StoreUnavailableError):
        await relay.check()
    running = asyncio.create_task(relay.run(stop))

    async def says(error: type[Exception] | None) -> bool:
        try:
            await relay.check()
        except (StoreUnavailableError, StreamUnavailableError) as found:
            return type(found) is error
        return error is None

    await eventually(lambda: says(None), 8, "ready")
    kafka.faults = [StreamUnavailableError("away")] * 1000
    outbox.waiting = FakeOutbox(1).waiting
    await eventually(lambda: says(StreamUnavailableError), 8, "Kafka is away")
    kafka.faults = []
    await eventually(lambda: says(None), 8, "ready again")
    table.away = True
    await eventually(lambda: says(StoreUnavailableError), 8, "MongoDB is away")
    stop.set()
    await asyncio.wait_for(running, 8)
