"""Events per second that one relay publishes while it drains a backlog, snapshots included."""

import asyncio
import statistics
import time
from datetime import timedelta
from typing import Any

from ulid import ULID

from service.clock import system_clock
from service.outbox.model import shard_of
from tests.benchmarks.figures import Figure, Mark
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body
from tests.benchmarks.system import RELAY, Document, System

_NAME = "backlog published, one relay"
_PATTERNS = 200
_LOOK_SECONDS = 0.05
_DEADLINE_SECONDS = 300.0


async def measure(system: System, plan: Plan) -> list[Figure]:
    """The relay starts on a backlog of creations, each of a contact of its own; from the first mark to the last."""
    rounds: list[float] = []
    for number in range(plan.rounds):
        await asyncio.to_thread(system.stop, RELAY)
        await _fill(system, f"relay{number}", plan.backlog)
        rounds.append(await _drained(system))
        system.say(f"{_NAME}, round {number + 1} of {plan.rounds}: {rounds[-1]:,.0f}/s")
    mark = Mark(5_000, "value", "at least")
    return [Figure(_NAME, statistics.median(rounds), "/s", mark=mark, details={"rounds": rounds})]


async def _fill(system: System, run: str, records: int) -> None:
    requests = [("POST", "/v1/contacts", contact_body(run, one)) for one in range(_PATTERNS)]
    await system.http(requests, 201)
    patterns: list[Document] = await system.database.outbox.find({"published_at": None}).to_list(None)
    start = system_clock()
    copies = [_copy(patterns[one % len(patterns)], start, one) for one in range(records - len(patterns))]
    for first in range(0, len(copies), 1_000):
        await system.database.outbox.insert_many(copies[first : first + 1_000])


def _copy(pattern: Document, start: Any, number: int) -> Document:
    """The same creation, of another contact."""
    contact_id, event_id = f"ct_{ULID()}", f"evt_{ULID()}"
    value = pattern["value"].replace(pattern["contact_id"].encode(), contact_id.encode())
    return {
        **pattern,
        "_id": event_id,
        "contact_id": contact_id,
        "shard": shard_of(contact_id),
        "value": value.replace(pattern["_id"].encode(), event_id.encode()),
        "committed_at": start + timedelta(milliseconds=number),
    }


async def _drained(system: System) -> float:
    """Start the relay; events per second between the first and the last sight of a backlog that shrinks."""

    async def waiting() -> int:
        count: int = await system.database.outbox.count_documents(
            {"published_at": None, "shard": {"$gte": 0}}, hint="waiting"
        )
        return count

    before = await waiting()
    starting = asyncio.create_task(asyncio.to_thread(system.start, RELAY))
    deadline = time.perf_counter() + _DEADLINE_SECONDS
    first: tuple[float, int] | None = None
    while time.perf_counter() < deadline:
        left, now = await waiting(), time.perf_counter()
        if left < before and first is None:
            first = (now, left)
        if left == 0 and first is not None:
            await starting
            return first[1] / (now - first[0])
        await asyncio.sleep(_LOOK_SECONDS)
    raise TimeoutError("the relay has not published all in time")
