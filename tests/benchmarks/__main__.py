"""`make bench`: measure everything, print a table, write JSON. A missed mark is reported, and is no error."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import fields
from pathlib import Path

from tests.benchmarks import (
    conversations,
    creation,
    delay,
    importing,
    ingestion,
    memory,
    reads,
    relaying,
    size,
    steady,
    visible,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.plan import Plan
from tests.benchmarks.report import machine, table, write_json
from tests.benchmarks.system import CONSUMER, System

# In this order: the delay wants a database that is idle, the reads want contacts with a timeline.
_ALL: dict[str, Callable[[System, Plan], Awaitable[list[Figure]]]] = {
    "delay": delay.measure,
    "creation": creation.measure,
    "importing": importing.measure,
    "relaying": relaying.measure,
    "ingestion": ingestion.measure,
    "visible": visible.measure,
    "conversations": conversations.measure,
    "reads": reads.measure,
    "steady": steady.measure,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where the figures go (%(default)s)")
    parser.add_argument("--only", choices=list(_ALL), action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--size", action="store_true", help="instead of the rest: lists at 10,000 and at 1,000,000 contacts (15 min)"
    )
    for field in fields(Plan):
        parser.add_argument(
            f"--{field.name}", type=int, default=field.default, help=f"{field.metadata['what']} (%(default)s)"
        )
    return parser.parse_args()


async def _measure(arguments: argparse.Namespace, directory: Path) -> list[Figure]:
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:5.1f} s] {line}", flush=True)

    plan = Plan(**{field.name: getattr(arguments, field.name) for field in fields(Plan)})
    found: list[Figure] = []
    async with System(directory, say) as system:
        if arguments.size:
            return await size.measure(system, plan, directory)
        await asyncio.to_thread(system.start, CONSUMER)
        await asyncio.sleep(1)
        idle = memory.figures(system.resident_bytes(), "idle")
        await asyncio.to_thread(system.stop, CONSUMER)
        for name in arguments.only or _ALL:
            say(f"Measuring {name} ...")
            found += await _ALL[name](system, plan)
        found += [*idle, *memory.figures(system.resident_bytes(), "after load")]
    return found


def main() -> None:
    """Run it."""
    arguments = _arguments()
    conditions = machine()
    with tempfile.TemporaryDirectory(prefix="pathbound-bench-") as directory:
        figures = asyncio.run(_measure(arguments, Path(directory)))
    if not arguments.size:
        print(f"\n{table(figures)}\n", flush=True)
    write_json(arguments.json, figures, conditions | {"load_average_after": machine()["load_average"]})
    print(f"Written to {arguments.json}.")


if __name__ == "__main__":
    main()
