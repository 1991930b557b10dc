"""Members that come and go while records flow: each record is handled, and no offset runs ahead of it."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from consumers.runtime.outcomes import Record
from service.errors import StoreUnavailableError
from tests.integration.test_consumer_runtime import (
    DEADLINE_S,
    PARTITIONS,
    Group,
    InHand,
    Kafka,
    RecordingHandler,
    Sink,
    committed_are,
    group,
    kafka,
)
from tests.support.waiting import eventually

__all__ = ["group", "kafka"]  # the fixtures


class Flow:
    """A steady stream into the topic, and members that come while it flows. Batches fail oddly, once each."""

    def __init__(self, kafka: Kafka, group: Group) -> None:
        self._kafka = kafka
        self._group = group
        self._over = asyncio.Event()
        self._tried: set[tuple[int, int]] = set()
        self.sink = Sink()
        self.sent = 0
        self._sending = asyncio.create_task(self._send())

    async def join(self) -> tuple[asyncio.Event, asyncio.Task[None]]:
        """A new member, once it has joined and the group has gone on."""
        runtime, stop, task = self._group.start(RecordingHandler(self.sink, self._fail_oddly))
        seen = self.sink.total()

        async def joined() -> bool:
            return runtime.joined and self.sink.total() > seen

        await eventually(joined, DEADLINE_S, "the member joined, and the group goes on")
        return stop, task

    async def end(self) -> None:
        self._over.set()
        await self._sending

    async def all_committed(self) -> bool:
        committed = await self._kafka.committed()
        for partition, offset in committed.items():
            assert set(range(offset)) <= set(self.sink.handled[partition]), "committed past an unfinished record"
        return committed == dict.fromkeys(range(PARTITIONS), self.sent // PARTITIONS)

    async def _send(self) -> None:
        while not self._over.is_set():
            await self._kafka.send(200)
            self.sent += 200
            await eventually(self._nearly_done, DEADLINE_S, "the group keeps up")

    async def _nearly_done(self) -> bool:
        return self.sink.total() > self.sent - 1000

    async def _fail_oddly(self, records: Sequence[Record]) -> None:
        first = (records[0].partition, records[0].offset)
        if first[1] % 3 == 0 and first not in self._tried:
            self._tried.add(first)
            raise StoreUnavailableError


@pytest.mark.parametrize("gently", [True, False])
async def test_members_come_and_go_and_no_record_is_lost(kafka: Kafka, group: Group, gently: bool) -> None:
    flow = Flow(kafka, group)
    await flow.join()
    stop, task = await flow.join()
    if gently:
        stop.set()
    else:
        task.cancel()
    await flow.join()
    await flow.end()
    await eventually(flow.all_committed, DEADLINE_S, "all are handled and committed")
    assert flow.sink.total() == flow.sent


async def test_who_gives_its_partitions_up_first_finishes_what_is_in_hand(kafka: Kafka, group: Group) -> None:
    sink, in_hand = Sink(), InHand()
    await kafka.send(10, partition=0)
    first, _, _ = group.start(RecordingHandler(sink, in_hand))
    await asyncio.wait_for(in_hand.begun.wait(), DEADLINE_S)
    group.start(RecordingHandler(sink))

    async def gives_up() -> bool:
        return not first.joined

    await eventually(gives_up, DEADLINE_S, "the first member's partitions are taken from it")
    in_hand.may_end.set()
    await committed_are(kafka, {0: 10})
    assert sink.handled[0] == list(range(10)), "the next owner repeats nothing"


async def test_what_ends_after_its_partitions_moved_and_came_back_moves_no_offset(kafka: Kafka, group: Group) -> None:
    """Who had them meanwhile is further on."""
    group.settings = group.settings.model_copy(update={"consumer_drain_seconds": 0.1})
    begun, may_end = set[tuple[int, int]](), asyncio.Event()

    async def hold_on(records: Sequence[Record]) -> None:
        begun.update((record.partition, record.offset) for record in records)
        while not may_end.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await may_end.wait()

    async def all_in_hand() -> bool:
        return len(begun) == 2 * PARTITIONS

    await kafka.send(2 * PARTITIONS)
    late, meanwhile = Sink(), Sink()
    first, _, _ = group.start(RecordingHandler(late, hold_on))
    await eventually(all_in_hand, DEADLINE_S, "the first member has all in hand")
    _, stop, task = group.start(RecordingHandler(meanwhile))
    await kafka.send(2 * PARTITIONS)

    async def further_on() -> bool:
        return list((await kafka.committed()).values()) == [4] * (PARTITIONS // 2)

    await eventually(further_on, DEADLINE_S, "the second member is further on with its partitions")
    stop.set()
    await asyncio.wait_for(task, DEADLINE_S)

    async def has_all_again() -> bool:
        return REGISTRY.get_sample_value("pathbound_consumer_partitions", {"source": "test"}) == PARTITIONS

    await eventually(has_all_again, DEADLINE_S, "the first member has all again")
    assert first.joined
    may_end.set()
    await committed_are(kafka, dict.fromkeys(range(PARTITIONS), 4))
    assert all(late.handled[partition] == [0, 1] for partition in meanwhile.handled), "and nothing is read again"
