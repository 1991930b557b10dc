"""The same questions at 10,000 and at 1,000,000 contacts: `make bench ARGS=--size`.

Judged where what is asked for does not grow with the size: the median, and the index keys that MongoDB looked at, may
at most double. One request at a time, to both sizes in turn.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.stack.ports import RememberedPorts
from tests.benchmarks.figures import Figure, Mark, percentile
from tests.benchmarks.plan import Plan
from tests.benchmarks.questions import BOUNDED, Question, questions
from tests.benchmarks.report import aligned
from tests.benchmarks.sized import Sized, sized
from tests.benchmarks.system import System

MOST = 2.0
_ROUNDS = 3
_MIN_SEEDED_PER_SECOND = 5_000


@dataclass
class Answered:
    """One question at one size."""

    question: Question
    milliseconds: list[float] = field(default_factory=list)
    given_up: int = 0
    keys: int = 0
    documents: int = 0

    @property
    def p50(self) -> float:
        return percentile(self.milliseconds, 0.5)

    @property
    def p95(self) -> float:
        return percentile(self.milliseconds, 0.95)


async def measure(system: System, plan: Plan, directory: Path) -> list[Figure]:
    """Seed both, ask both, print the table."""
    ports = RememberedPorts(directory / "size-ports.json")
    async with AsyncExitStack() as opened:
        sizes = [
            await opened.enter_async_context(sized(system, directory, contacts, ports.get(f"api-{contacts}")))
            for contacts in (plan.small, plan.large)
        ]
        asked = [[Answered(question) for question in await questions(one)] for one in sizes]
        for number in range(_ROUNDS):
            system.say(f"Round {number + 1} of {_ROUNDS}: {len(asked[0])} questions to each size ...")
            await _round(sizes, asked, plan.asks)
        for one, answers in zip(sizes, asked, strict=True):
            system.say(f"Keys and documents examined at {one.contacts:,} contacts ...")
            for answer in answers:
                answer.keys, answer.documents = await one.examined(answer.question.path, answer.question.params)
    small, large = asked
    print(f"\n{_table(small, large, sizes)}\n", flush=True)
    seeded = Figure(
        f"contacts seeded, {sizes[1].contacts:,}",
        sizes[1].seeded_per_second,
        "/s",
        mark=Mark(_MIN_SEEDED_PER_SECOND, "value", "at least"),
    )
    return [seeded, *(figure for pair in zip(small, large, strict=True) for figure in _figures(*pair))]


async def _round(sizes: list[Sized], asked: list[list[Answered]], asks: int) -> None:
    for both in zip(*asked, strict=True):
        for one, answer in zip(sizes, both, strict=True):
            # The first brings the pages that it needs into memory.
            await one.get(answer.question.path, answer.question.params)
            for _ in range(asks if answer.question.cost == BOUNDED else max(3, asks // 4)):
                took, body = await one.get(answer.question.path, answer.question.params)
                answer.milliseconds.append(took)
                answer.given_up += body["status"] != "success"


def _figures(small: Answered, large: Answered) -> list[Figure]:
    name, mark = large.question.name, Mark(MOST, "ratio", "at most") if large.question.cost == BOUNDED else None
    details: dict[str, Any] = {
        "p95_ms": [small.p95, large.p95],
        "documents_examined": [small.documents, large.documents],
        "given_up": [small.given_up, large.given_up],
    }
    return [
        Figure(f"{name}: p50", large.p50, "ms", small.p50, "at the small size", mark, details),
        Figure(f"{name}: keys", large.keys, "keys", small.keys, "at the small size", mark),
    ]


def _table(small: list[Answered], large: list[Answered], sizes: list[Sized]) -> str:
    a, b = (f"{one.contacts:,}" for one in sizes)
    head = ("what is asked", f"p50 {a}", f"p50 {b}", "ratio", f"p95 {a}", f"p95 {b}", f"keys {a}", f"keys {b}", "ratio")
    rows = [(*head, "mark", "met")]
    for few, many in zip(small, large, strict=True):
        time, keys = _figures(few, many)
        met = {None: "", True: "yes", False: "NO"}[time.met and keys.met if time.mark else None]
        times = (f"{few.p50:.1f}", f"{many.p50:.1f}", f"{time.ratio:.2f}", f"{few.p95:.1f}", f"{many.p95:.1f}")
        looked_at = (f"{few.keys:,}", f"{many.keys:,}", f"{keys.ratio or 0:.2f}")
        given_up = f" ({many.given_up} of {len(many.milliseconds)}: 503)" if many.given_up else ""
        rows.append((many.question.name + given_up, *times, *looked_at, f"≤ {MOST:g}" if time.mark else "", met))
    return aligned(rows)
