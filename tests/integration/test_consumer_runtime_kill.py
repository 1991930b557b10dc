"""A member that dies without a word (kill -9) mid-stream. This file is also the member's program."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.runtime import ConsumerRuntime, run_consumer
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


async def member(bootstrap: str, prefix: str, path: str) -> None:
    settings = ConsumerSettings(kafka_bootstrap=bootstrap, topic_prefix=prefix, consumer_batch=5)
    runtime = ConsumerRuntime(FileHandler(Path(path)), settings, system_clock, count_nothing)
    await run_consumer(runtime, asyncio.Event())


@pytest.fixture
def members(kafka: Kafka, tmp_path: Path) -> Iterator[list[tuple[Path, subprocess.Popen[bytes]]]]:
    root = Path(__file__).parents[2]
    started = []
    for number in range(2):
        path = tmp_path / f"member{number}"
        argv = [sys.executable, __file__, kafka.bootstrap, kafka.prefix, str(path)]
        env = os.environ | {"PYTHONPATH": str(root)}
        started.append((path, subprocess.Popen(argv, cwd=root, env=env, stdout=subprocess.DEVNULL)))
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


if __name__ == "__main__":
    asyncio.run(member(*sys.argv[1:]))
