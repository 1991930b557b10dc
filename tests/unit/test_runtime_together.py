"""One piece of work with the records of several partitions: handled together, and apart where that fails."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import KafkaConnectionError

from consumers.runtime import work as work_module
from consumers.runtime.outcomes import InvalidRecord, Record
from schemas.timestamps import EPOCH
from service.errors import RefusedDocumentError, StoreUnavailableError
from tests.support.work_scene import Scene, failing, of_partitions


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


async def test_what_was_committed_together_is_not_left_to_be_handled_again() -> None:
    def fail_with_partition_2(records: Sequence[Record]) -> None:
        if records[0].partition == 2:
            raise StoreUnavailableError

    scene = Scene(fail_with_partition_2)
    records = of_partitions(0, 1, 2)
    work = scene.work(records, batch=2)
    await work.run()
    assert scene.log == [("handled", [7, 8]), ("committed", 9), ("handled", [7, 8]), ("committed", {1: 9})]
    assert work.apart == {2: records[4:]}


async def test_a_record_that_is_refused_does_not_part_those_beside_it() -> None:
    def refuse(records: Sequence[Record]) -> None:
        if any((record.partition, record.offset) == (0, 7) for record in records):
            raise RefusedDocumentError("too large")

    scene = Scene(refuse)
    work = scene.work(of_partitions(0, 1))
    await work.run()
    assert [what for what, _ in scene.log] == ["counted dead", "handled", "handled", "dead", "committed"]
    assert not work.apart


async def test_a_commit_is_tried_again_and_nothing_handled_twice() -> None:
    scene = Scene()
    scene.commit_errors = [KafkaConnectionError()]
    work = scene.work(of_partitions(0, 1))
    await work.run()
    assert scene.log == [("handled", [7, 8, 7, 8]), ("committed", {0: 9, 1: 9})]
    assert not work.apart


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
    def fail(_: Sequence[Record]) -> None:
        work.give_up()
        raise StoreUnavailableError

    scene = Scene(fail)
    work = scene.work(of_partitions(0, 1))
    for _ in range(2):
        await work.run()
        assert scene.log == []
        assert not work.apart
