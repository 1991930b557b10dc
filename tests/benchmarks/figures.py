"""What is measured, and how a subject and its ceiling are measured in turn."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.benchmarks.system import Say

Measure = Callable[[int], Awaitable[float]]
"""One round's figure; it is given the round's number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a figure should reach: of the value itself, or of its ratio to the ceiling."""

    limit: float
    of: Literal["value", "ratio"]
    sense: Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the report."""

    name: str
    value: float
    unit: str
    ceiling: float | None = None
    ceiling_name: str = ""
    mark: Mark | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The value as a part of its ceiling."""
        return self.value / self.ceiling if self.ceiling else None

    @property
    def met(self) -> bool | None:
        """Whether the mark is met; None without one."""
        if self.mark is None:
            return None
        judged = self.value if self.mark.of == "value" else self.ratio
        if judged is None:
            return False
        return judged >= self.mark.limit if self.mark.sense == "at least" else judged <= self.mark.limit


async def in_turn(say: Say, name: str, rounds: int, subject: Measure, ceilings: dict[str, Measure]) -> dict[str, Any]:
    """Measure the subject and each ceiling in alternating rounds, so that a noisy neighbour meets all of them.

    For each name (the subject's is "subject"): the list of its rounds, first to last.
    """
    found: dict[str, list[float]] = {"subject": [], **{ceiling: [] for ceiling in ceilings}}
    for number in range(rounds):
        for key, measure in (("subject", subject), *ceilings.items()):
            value = await measure(number)
            found[key].append(value)
            say(f"{name}, round {number + 1} of {rounds}: {name if key == 'subject' else key} {value:,.0f}/s")
    return found


def compared(name: str, unit: str, rounds: dict[str, list[float]], ceiling: str, mark: Mark | None) -> Figure:
    """The medians of the subject and of one ceiling; every round is in the details."""
    return Figure(
        name,
        statistics.median(rounds["subject"]),
        unit,
        statistics.median(rounds[ceiling]),
        ceiling,
        mark,
        {"rounds": rounds["subject"], "ceiling_rounds": rounds[ceiling]},
    )


def percentile(values: Sequence[float], part: float) -> float:
    """The nearest-rank percentile; `part` is 0.5 for the median."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(part * 1000 * len(ordered)) // 1000) - 1))]
