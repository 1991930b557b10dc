"""One piece of work: halving, dead letters before the commit, trying again, giving up; never a commit too many."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from consumers.runtime import retry
from consumers.runtime import work as work_module
from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.work import REFUSED_REASON, Limits, Work, handle_halving
from schemas.timestamps import EPOCH
from service.clock import Clock, system_clock
from service.errors import RefusedDocumentError, StoreUnavailableError
from service.ledger.model import Receipt
from tests.support.waiting import eventually

Step = Callable[[Sequence[Record]], None]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_DELAY_SECONDS", 0.001)


def some(count: int, value: bytes = b"v") -> list[Record]:
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

    def work(self, records: Sequence[Record], batch: int = 100, clock: Clock = system_clock) -> Work:
        limits, slots = Limits(batch, 10**6, 4), asyncio.Semaphore(4)
        return Work(self, records, limits, slots, self.count_dead, self.publish, self.commit, clock)


def delay_sum() -> float:
    return REGISTRY.get_sample_value("pathbound_consumer_delay_seconds_sum", {"source": "test"}) or 0.0


async def test_the_delay_of_each_record_runs_to_its_commit() -> None:
    before = delay_sum()
    scene = Scene()
    await scene.work(some(3), clock=lambda: EPOCH + timedelta(seconds=7)).run()
    assert delay_sum() - before == 21
    await scene.work(some(1), clock=lambda: EPOCH - timedelta(seconds=7)).run()
    assert delay_sum() - before == 21, "a broker's clock that is ahead of ours takes nothing off"


def failing(times: int, error: Exception) -> Step:
    left = [error] * times

    def step(_: Sequence[Record]) -> None:
        if left:
            raise left.pop()

    return step


@settings(deadline=None)
@given(st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_halving_finds_exactly_the_refused_and_stores_the_rest(count: int, refused: set[int]) -> None:
    stored: list[int] = []
    done: list[int] = []

    async def handle(records: Sequence[Record]) -> list[InvalidRecord]:
        if any(record.offset in refused for record in records):
            raise RefusedDocumentError
        stored.extend(record.offset for record in records)
        done.extend(record.offset for record in records)
        return []

    async def count_dead(dead: Sequence[Receipt]) -> None:
        done.extend(receipt.offset for receipt in dead)

    invalid = asyncio.run(handle_halving(handle, count_dead, some(count)))

    assert [letter.record.offset for letter in invalid] == sorted(offset for offset in refused if offset < count)
    assert all(letter.reason == REFUSED_REASON for letter in invalid)
    assert stored == [offset for offset in range(count) if offset not in refused]
    assert done == list(range(count)), "counted in order: the ledger passes over what comes late"


async def test_dead_letters_come_before_the_commit_and_batches_in_order() -> None:
    scene = Scene()
    records = [*some(2), Record("t", 0, 2, None, b"bad", EPOCH)]
    await scene.work(records, batch=2).run()
    assert scene.log == [("handled", [0, 1]), ("committed", 2), ("handled", [2]), ("dead", [2]), ("committed", 3)]


async def test_each_step_is_tried_again_alone() -> None:
    scene = Scene(failing(3, StoreUnavailableError()), failing(2, KafkaConnectionError()))
    scene.commit_errors = [KafkaConnectionError(), TimeoutError()]
    await scene.work(some(1, b"bad")).run()
    assert scene.log == [("handled", [0]), ("dead", [0]), ("committed", 1)]


async def test_a_refused_record_is_counted_under_its_tenant_before_those_behind_it() -> None:
    def refuse(records: Sequence[Record]) -> None:
        if any(record.offset == 1 for record in records):
            raise RefusedDocumentError

    scene = Scene(refuse)
    scene.count_errors = [StoreUnavailableError()]
    await scene.work(some(3, b'{"tenant_id":"acme"}')).run()
    assert scene.log == [
        ("handled", [0]),
        ("counted dead", [(1, "acme")]),
        ("handled", [2]),
        ("dead", [1]),
        ("committed", 3),
    ]


def of_partitions(*partitions: int) -> list[Record]:
    return [Record("t", partition, offset, None, b"v", EPOCH) for partition in partitions for offset in (7, 8)]


async def test_partitions_are_handled_together_and_each_is_committed() -> None:
    scene = Scene()
    work = scene.work(of_partitions(0, 1, 2), batch=5)
    await work.run()
    assert scene.log == [
        ("handled", [7, 8, 7, 8, 7]),
        ("committed", {0: 9, 1: 9, 2: 8}),
        ("handled", [8]),
        ("committed", {2: 9}),
    ]
    assert not work.apart


async def test_what_cannot_be_handled_together_is_left_to_be_handled_apart() -> None:
    def fail_with_two_of_partition_2(records: Sequence[Record]) -> None:
        if [record.partition for record in records].count(2) == 2:
            raise StoreUnavailableError

    scene = Scene(fail_with_two_of_partition_2)
    records = of_partitions(0, 1, 2)
    work = scene.work(records, batch=3)
    await work.run()
    assert scene.log == [("handled", [7, 8, 7]), ("committed", {0: 9, 1: 8})]
    assert work.apart == {1: records[3:4], 2: records[4:]}
    assert not work.waiting


async def test_a_fault_is_met_apart_and_stops_no_other_partition() -> None:
    def fail_on_partition_1(records: Sequence[Record]) -> None:
        if any(record.partition == 1 for record in records):
            raise ZeroDivisionError

    scene = Scene(fail_on_partition_1)
    work = scene.work(of_partitions(0, 1))
    await work.run()
    assert scene.log == []
    await scene.work(work.apart[0]).run()
    assert scene.log == [("handled", [7, 8]), ("committed", 9)]
    with pytest.raises(ZeroDivisionError):
        await scene.work(work.apart[1]).run()


async def test_what_hangs_together_is_handled_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_module, "TOGETHER_SECONDS", 0.01)
    scene = Scene()

    async def hang(_: Sequence[Record]) -> list[InvalidRecord]:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    monkeypatch.setattr(scene, "handle", hang)
    work = scene.work(of_partitions(0, 1))
    await asyncio.wait_for(work.run(), 5)
    assert list(work.apart) == [0, 1]


async def test_letters_that_nobody_takes_keep_only_their_own_partition() -> None:
    scene = Scene(publish=failing(1, KafkaConnectionError()))
    records = [*of_partitions(0), Record("t", 1, 7, None, b"bad", EPOCH)]
    work = scene.work(records)
    await work.run()
    assert scene.log == [("handled", [7, 8, 7])]
    assert work.apart == {0: records[:2], 1: records[2:]}


async def test_what_was_given_up_leaves_nothing() -> None:
    scene = Scene()
    work = scene.work(of_partitions(0, 1))
    work.give_up()
    await work.run()
    assert scene.log == []
    assert not work.apart


async def test_a_fault_is_raised_and_nothing_committed() -> None:
    scene = Scene(failing(1, ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await scene.work(some(3)).run()
    assert scene.log == []


async def test_a_partition_that_moved_ends_the_work_quietly() -> None:
    scene = Scene()
    scene.commit_errors = [CommitFailedError()]
    await scene.work(some(4), batch=2).run()
    assert scene.log == [("handled", [0, 1])]


async def test_giving_up_wakes_what_waits_and_commits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_DELAY_SECONDS", 3600.0)
    monkeypatch.setattr(retry, "MAX_DELAY_SECONDS", 3600.0)
    scene = Scene(failing(10**6, StoreUnavailableError()))
    work = scene.work(some(1))
    running = asyncio.create_task(work.run())

    async def waiting() -> bool:
        return work.waiting

    await eventually(waiting, 5, "the work waits to try again")
    work.give_up()
    await asyncio.wait_for(running, 5)
    assert scene.log == []


async def test_giving_up_lets_the_batch_in_hand_finish_and_begins_no_other() -> None:
    scene = Scene()
    work = scene.work(some(4), batch=2)
    scene._handle = lambda _: work.give_up()
    await work.run()
    assert scene.log == [("handled", [0, 1]), ("committed", 2)]


@given(st.integers(0, 2000))
def test_backoff_is_bounded(attempt: int) -> None:
    assert 0 < retry.backoff(attempt) <= 5.0
