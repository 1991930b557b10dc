"""One piece of work: halving, dead letters before the commit, trying again, giving up; never a commit too many."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from consumers.runtime import retry
from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.work import REFUSED_REASON, handle_halving
from schemas.timestamps import EPOCH
from service.errors import RefusedDocumentError, StoreUnavailableError
from service.ledger.model import Receipt
from tests.support.waiting import eventually
from tests.support.work_scene import Scene, failing, of_partitions, some


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "MAX_DELAY_SECONDS", 0.001)


def delay_sum() -> float:
    return REGISTRY.get_sample_value("pathbound_consumer_delay_seconds_sum", {"source": "test"}) or 0.0


async def test_the_delay_of_each_record_runs_to_its_commit() -> None:
    before = delay_sum()
    scene = Scene()
    await scene.work(some(3), clock=lambda: EPOCH + timedelta(seconds=7)).run()
    assert delay_sum() - before == 21
    await scene.work(some(1), clock=lambda: EPOCH - timedelta(seconds=7)).run()
    assert delay_sum() - before == 21, "a broker's clock that is ahead of ours takes nothing off"


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


async def test_a_refused_record_goes_aside_with_what_the_store_said() -> None:
    async def refuse(_: Sequence[Record]) -> list[InvalidRecord]:
        raise RefusedDocumentError("too large")

    [letter] = await handle_halving(refuse, Scene().count_dead, some(1, b'{"tenant_id":"acme"}'))
    assert (letter.reason, letter.error_class, letter.tenant_id) == ("too large", "RefusedDocumentError", "acme")


async def test_each_step_is_tried_again_alone() -> None:
    scene = Scene(failing(3, StoreUnavailableError()), failing(2, KafkaConnectionError()))
    scene.commit_errors = [KafkaConnectionError(), TimeoutError()]
    work = scene.work(some(1, b"bad"))
    await work.run()
    assert scene.log == [("handled", [0]), ("dead", [0]), ("committed", 1)]
    assert not work.waiting


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


@pytest.mark.parametrize("partitions", [(0,), (0, 1)])
async def test_an_attempt_lasts_from_its_slot_to_its_end(
    monkeypatch: pytest.MonkeyPatch, partitions: tuple[int, ...]
) -> None:
    now = 0.0
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: now))
    scene, begun, may_end = Scene(), asyncio.Event(), asyncio.Event()

    async def take_long(_: Sequence[Record]) -> list[InvalidRecord]:
        begun.set()
        await may_end.wait()
        return []

    monkeypatch.setattr(scene, "handle", take_long)
    work = scene.work(of_partitions(*partitions), slots=0)
    running = asyncio.create_task(work.run())
    await asyncio.sleep(0)
    now = 100.0
    scene.slots.release()
    await begun.wait()
    now = 107.0
    assert work.stuck_seconds() == 7
    may_end.set()
    await running
    now = 200.0
    assert work.stuck_seconds() == 0


async def test_a_fault_is_raised_and_nothing_committed() -> None:
    scene = Scene(failing(1, ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        await scene.work(some(3)).run()
    assert scene.log == []


@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError()])
async def test_a_partition_that_moved_ends_the_work_quietly(error: Exception) -> None:
    scene = Scene()
    scene.commit_errors = [error]
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
