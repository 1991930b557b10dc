"""A tracker consumer's resident memory over many events: `--soak 2000000` for as many as the mark is about."""

import asyncio
import statistics

import psutil

from schemas.topics import TRACKER_EVENTS
from tests.benchmarks.consumers import consumers, counted, produce
from tests.benchmarks.figures import Figure, Mark
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body, visits
from tests.benchmarks.system import System

_MB = 1_000_000
_MOST_MB, _MOST_GROWTH = 200, 1.1
_CONTACTS = 500
_LOOK_SECONDS = 0.25
_SECONDS_WITHOUT_PROGRESS = 60.0


async def measure(system: System, plan: Plan) -> list[Figure]:
    """Flat: the mean of the second half of the events is that of the first half, up to a tenth."""
    await system.http([("POST", "/v1/contacts", contact_body("soak", 2 * one)) for one in range(_CONTACTS)], 201)
    await system.settle()
    before = await counted(system, TRACKER_EVENTS)
    producing = asyncio.create_task(produce(system, TRACKER_EVENTS, visits("soak", plan.soak)))
    async with consumers(system, "tracker") as (pid,):
        seen = await _watch(system, psutil.Process(pid), before, plan.soak)
    await producing
    first = statistics.fmean(size for count, size in seen if count < plan.soak / 2)
    second = statistics.fmean(size for count, size in seen if count >= plan.soak / 2)
    name = f"tracker consumer's memory over {plan.soak:,} events"
    tenths = [[count, round(size)] for count, size in seen[:: max(1, len(seen) // 20)]]
    system.say(f"{name}: first half {first:.0f} MB, second {second:.0f} MB")
    most = max(size for _, size in seen)
    return [
        Figure(f"{name}, most", most, "MB", mark=Mark(_MOST_MB, "value", "at most"), details={"mb": tenths}),
        Figure(f"{name}, second half", second, "MB", first, "MB, first half", Mark(_MOST_GROWTH, "ratio", "at most")),
    ]


async def _watch(system: System, process: psutil.Process, before: int, events: int) -> list[tuple[int, float]]:
    """(events so far, resident MB), from the first event on."""
    seen: list[tuple[int, float]] = []
    clock = asyncio.get_running_loop().time
    last, moved = 0, clock()
    while last < events:
        count = await counted(system, TRACKER_EVENTS) - before
        if count > last:
            last, moved = count, clock()
        elif clock() - moved > _SECONDS_WITHOUT_PROGRESS:
            raise TimeoutError(f"the consumer stands still at {last:,} events")
        if count:
            seen.append((count, process.memory_info().rss / _MB))
        await asyncio.sleep(_LOOK_SECONDS)
    return seen
