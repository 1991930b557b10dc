"""From a visitor event's producing to its being visible in its contact's timeline, at a part of the load that one
consumer can bear.

That load is measured first, with the same producer beside it, for some thirty seconds: a backlog of a few seconds goes
faster than what lasts, and 90 % of that would be more than the consumer bears. Visible is what a majority read finds
linked to a contact. The clock runs from the handing over to the producer, which gathers for 5 ms; looking costs up to
10 ms more.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from consumers.tracker.normalise import event_id_of_message
from schemas.topics import TRACKER_EVENTS
from tests.benchmarks.consumers import consumers, counted, produce, producing, rate_until
from tests.benchmarks.figures import Figure, Mark, percentile
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import EVENTS_PER_VISITOR, contact_body, visitor_id, visits
from tests.benchmarks.system import System

_PARTS = (0.1, 0.5, 0.9)
_JUDGED = 0.5
_P99_MS = 250
_SECONDS = 8.0
_LOAD_ROUNDS = 20
_SAMPLES_PER_SECOND = 60
_TICK_SECONDS, _LOOK_SECONDS = 0.005, 0.01
_CONTACTS = 300
_DEADLINE_SECONDS = 120.0


@dataclass
class _Watched:
    """Sampled events: those not seen yet, with when they were sent, and the delays of those that were."""

    sent: dict[str, float] = field(default_factory=dict)
    delays_ms: list[float] = field(default_factory=list)


async def measure(system: System, plan: Plan) -> list[Figure]:
    """The figures of each part of the load. Every watched event is of a contact that exists."""
    async with consumers(system, "tracker"):
        load = await _load(system, _LOAD_ROUNDS * plan.events)
        system.say(f"One consumer beside the producer: {load:,.0f} events/s")
        return [figure for part in _PARTS for figure in await _at(system, part, load)]


async def _load(system: System, events: int) -> float:
    before = await counted(system, TRACKER_EVENTS)
    producing_all = asyncio.create_task(produce(system, TRACKER_EVENTS, visits("load", events)))
    per_second = await rate_until(system, TRACKER_EVENTS, before, events)
    await producing_all
    return per_second


async def _at(system: System, part: float, load: float) -> list[Figure]:
    run, rate = f"visible{part}", part * load
    name = f"produced to visible, {part:.0%} load"
    count = int(rate * _SECONDS) // EVENTS_PER_VISITOR
    visitors = range(0, count, max(1, count // _CONTACTS))
    await system.http([("POST", "/v1/contacts", contact_body(run, one)) for one in visitors], 201)
    await system.settle()
    known = {visitor_id(run, one).encode() for one in visitors}
    records = list(visits(run, int(rate * _SECONDS)))
    watched, sending = _Watched(), asyncio.Event()
    before = await counted(system, TRACKER_EVENTS)
    looking = asyncio.create_task(_look(system, watched, sending))
    async with producing(system) as producer:
        took = await _send(producer, records, rate, known, watched)
        await producer.flush()
    sending.set()
    await looking
    await _worked_off(system, before + len(records))
    p50, p99 = percentile(watched.delays_ms, 0.5), percentile(watched.delays_ms, 0.99)
    system.say(f"{name} ({rate:,.0f}/s): p50 {p50:.0f} ms, p99 {p99:.0f} ms of {len(watched.delays_ms)} events")
    details = {"load": load, "sent_per_second": len(records) / took, "samples": len(watched.delays_ms)}
    mark = Mark(_P99_MS, "value", "at most") if part == _JUDGED else None
    return [
        Figure(f"{name}, p50", p50, "ms", details=details),
        Figure(f"{name}, p99", p99, "ms", mark=mark),
    ]


async def _send(
    producer: Any, records: Sequence[tuple[bytes, bytes]], rate: float, known: set[bytes], watched: _Watched
) -> float:
    """At a steady rate; the seconds that it took. Some of the known visitors' events are watched."""
    started, sent, watched_so_far = time.perf_counter(), 0, 0
    while sent < len(records):
        elapsed = time.perf_counter() - started
        for key, value in records[sent : max(sent, int(rate * elapsed))]:
            if key in known and watched_so_far < elapsed * _SAMPLES_PER_SECOND:
                watched_so_far += 1
                watched.sent[_event_id(value)] = time.perf_counter()
            await producer.send(TRACKER_EVENTS, value=value, key=key)
            sent += 1
        await asyncio.sleep(_TICK_SECONDS)
    return time.perf_counter() - started


def _event_id(value: bytes) -> str:
    message = value.partition(b'"message_id":"')[2].partition(b'"')[0]
    return event_id_of_message(System.tenant_id, message.decode())


async def _look(system: System, watched: _Watched, sending: asyncio.Event) -> None:
    deadline = time.perf_counter() + _DEADLINE_SECONDS
    while watched.sent or not sending.is_set():
        if time.perf_counter() > deadline:
            raise TimeoutError("some events have not become visible in time")
        criteria = {"_id": {"$in": list(watched.sent)}, "contact_id": {"$exists": True}}
        for document in await system.database.events.find(criteria, {"_id": 1}).to_list(None):
            watched.delays_ms.append((time.perf_counter() - watched.sent.pop(document["_id"])) * 1000)
        await asyncio.sleep(_LOOK_SECONDS)


async def _worked_off(system: System, records: int) -> None:
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while await counted(system, TRACKER_EVENTS) < records:  # noqa: ASYNC110 - between the measured phases
            await asyncio.sleep(_TICK_SECONDS)
