"""Tracker events per second from Kafka to MongoDB, stitched, against the bare driver inserting the same documents."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from schemas.topics import TRACKER_EVENTS
from tests.benchmarks.consumers import consumers, counted, produce, rate_until
from tests.benchmarks.figures import Figure, Mark, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import EVENTS_PER_VISITOR, contact_body, visits
from tests.benchmarks.system import CONSUMER, System

_NAME = "tracker events ingested"
_TWO = "two processes"
_BATCH, _AT_ONCE = 1000, 4  # the consumer's own settings
_LOOK_SECONDS = 0.02
_DEADLINE_SECONDS = 300.0


async def measure(system: System, plan: Plan) -> list[Figure]:
    """All is in Kafka before the consumer starts; half of the visitors belong to contacts that exist.

    The mark is judged against the harder ceiling, as many bulk writes at once as one consumer has in flight.
    """

    async def prepare(run: str) -> None:
        contacts = range(0, plan.events // EVENTS_PER_VISITOR, 2)
        await system.http([("POST", "/v1/contacts", contact_body(run, one)) for one in contacts], 201)
        await system.settle()
        await produce(system, TRACKER_EVENTS, visits(run, plan.events))

    async def through_the_consumer(number: int) -> float:
        await prepare(f"ingest{number}")
        per_second = await _consumed(system, plan.events)
        await asyncio.to_thread(system.stop, CONSUMER)
        return per_second

    async def through_two(number: int) -> float:
        before = await counted(system, TRACKER_EVENTS)
        await prepare(f"two{number}")
        async with consumers(system, "tracker", 2, ready=False):
            return await rate_until(system, TRACKER_EVENTS, before, plan.events)

    def through_the_driver(at_once: int) -> Callable[[int], Awaitable[float]]:
        async def insert(number: int) -> float:
            result = await system.bare("insert_events", run=f"ingest{number}", batch=_BATCH, at_once=at_once)
            return float(result["per_second"])

        return insert

    one_by_one, four = "bare bulk writes", "bare, 4 at once"
    ceilings = {one_by_one: through_the_driver(1), four: through_the_driver(_AT_ONCE), _TWO: through_two}
    rounds = await in_turn(system.say, _NAME, plan.rounds, through_the_consumer, ceilings)
    return [
        compared(_NAME, "/s", rounds, one_by_one, None),
        compared(_NAME, "/s", rounds, four, Mark(0.6, "ratio", "at least")),
        compared(f"{_NAME}, {_TWO}", "/s", {**rounds, "subject": rounds[_TWO]}, four, None),
    ]


async def _consumed(system: System, events: int) -> float:
    """Start the consumer; events per second from the first sight of stored ones to the last one stored."""
    stored = system.database.events.estimated_document_count
    before = await stored()
    starting = asyncio.create_task(asyncio.to_thread(system.start, CONSUMER))
    deadline = time.perf_counter() + _DEADLINE_SECONDS
    first: tuple[float, int] | None = None
    while time.perf_counter() < deadline:
        count, now = await stored() - before, time.perf_counter()
        if count and first is None:
            first = (now, count)
        if first is not None and count >= events:
            await starting
            return (count - first[1]) / (now - first[0])
        await asyncio.sleep(_LOOK_SECONDS)
    raise TimeoutError("the consumer has not stored all events in time")
