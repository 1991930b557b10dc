"""A member that dies without a word (kill -9) mid-stream. This file is also the member's program."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.runtime import ConsumerRuntime
from deploy.cli.options import stop_on_signals
from service.clock import system_clock
from service.settings import ConsumerSettings
from tests.integration.test_consumer_runtime import PARTITIONS, Kafka, count_nothing, kafka
from tests.support.waiting import eventually

__all__ = ["kafka"]  # the fixture

DEADLINE_S = 60.0


class FileHandler:
    """Appends `partition offset` for each record to a file; what the kernel has survives the process."""

    topic = "src"
    name = "test"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        lines = "".join(f"{record.partition} {record.offset}\n" for record in records)
        descriptor = os.open(self._path, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, lines.encode())
        os.close(descriptor)
        return []


def handled(path: Path) -> list[tuple[int, int]]:
    """What a member has handled so far."""
    if not path.exists():
        return []
    pairs = (line.split() for line in path.read_text().splitlines())
    return [(int(partition), int(offset)) for partition, offset in pairs]


class StuckHandler(FileHandler):
    """Begins, and never ends."""

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        await super().handle(records)
        await asyncio.Event().wait()
        return []


async def member(bootstrap: str, prefix: str, path: str, kind: str = "") -> None:
    settings = ConsumerSettings(kafka_bootstrap=bootstrap, topic_prefix=prefix, consumer_batch=5)
    handler = StuckHandler(Path(path)) if kind == "stuck" else FileHandler(Path(path))
    await ConsumerRuntime(handler, settings, system_clock, count_nothing).run(stop_on_signals())


def start(kafka: Kafka, path: Path, *more: str) -> "subprocess.Popen[bytes]":
    """A member in a process of its own."""
    root = Path(__file__).parents[2]
    argv = [sys.executable, __file__, kafka.bootstrap, kafka.prefix, str(path), *more]
    return subprocess.Popen(argv, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL)


@pytest.fixture
def members(kafka: Kafka, tmp_path: Path) -> Iterator[list[tuple[Path, subprocess.Popen[bytes]]]]:
    paths = [tmp_path / f"member{number}" for number in range(2)]
    started = [(path, start(kafka, path)) for path in paths]
    yield started
    for _, process in started:
        process.kill()
        process.wait()


async def test_kill_nine_loses_nothing(kafka: Kafka, members: list[tuple[Path, subprocess.Popen[bytes]]]) -> None:
    sent = 0
    (killed_path, killed), (other_path, _) = members

    async def both_work() -> bool:
        nonlocal sent
        await kafka.send(100)
        sent += 100
        return bool(handled(killed_path)) and bool(handled(other_path))

    await eventually(both_work, DEADLINE_S, "both members handle records")
    killed.kill()
    for _ in range(5):
        await kafka.send(100)
        sent += 100

    async def all_handled_and_committed() -> bool:
        return await kafka.committed() == dict.fromkeys(range(PARTITIONS), sent // PARTITIONS)

    await eventually(all_handled_and_committed, DEADLINE_S, "the other member took over and finished")
    expected = {(partition, offset) for partition in range(PARTITIONS) for offset in range(sent // PARTITIONS)}
    assert {*handled(killed_path), *handled(other_path)} == expected


async def test_sigterm_ends_a_member_in_ten_seconds_though_its_handler_never_ends(kafka: Kafka, tmp_path: Path) -> None:
    await kafka.send(20)
    stuck = start(kafka, tmp_path / "stuck", "stuck")
    try:

        async def begun() -> bool:
            return bool(handled(tmp_path / "stuck"))

        await eventually(begun, DEADLINE_S, "the handler has begun")
        stuck.terminate()
        assert await asyncio.to_thread(stuck.wait, 10) == 0
    finally:
        stuck.kill()
        stuck.wait()
    assert await kafka.committed() == {}


if __name__ == "__main__":
    asyncio.run(member(*sys.argv[1:]))
