"""Tracker events per second from Kafka to MongoDB, stitched, against the bare driver inserting the same documents."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import TRACKER_EVENTS
from tests.benchmarks.figures import Figure, Mark, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import EVENTS_PER_VISITOR, contact_body, visits
from tests.benchmarks.system import CONSUMER, System

_NAME = "tracker events ingested"
_BATCH, _AT_ONCE = 500, 4  # the consumer's own settings
_LOOK_SECONDS = 0.02
_DEADLINE_SECONDS = 300.0


async def measure(system: System, plan: Plan) -> list[Figure]:
    """All is in Kafka before the consumer starts; half of the visitors belong to contacts that exist."""

    async def through_the_consumer(number: int) -> float:
        run = f"ingest{number}"
        contacts = range(0, plan.events // EVENTS_PER_VISITOR, 2)
        await system.http([("POST", "/v1/contacts", contact_body(run, one)) for one in contacts], 201)
        await system.settle()
        await _produce(system, run, plan.events)
        per_second = await _consumed(system, plan.events)
        await asyncio.to_thread(system.stop, CONSUMER)
        return per_second

    def through_the_driver(at_once: int) -> Callable[[int], Awaitable[float]]:
        async def insert(number: int) -> float:
            result = await system.bare("insert_events", run=f"ingest{number}", batch=_BATCH, at_once=at_once)
            return float(result["per_second"])

        return insert

    one_by_one, four = "bare bulk writes", "bare, 4 at once"
    ceilings = {one_by_one: through_the_driver(1), four: through_the_driver(_AT_ONCE)}
    rounds = await in_turn(system.say, _NAME, plan.rounds, through_the_consumer, ceilings)
    return [
        compared(_NAME, "/s", rounds, one_by_one, None),
        compared(_NAME, "/s", rounds, four, Mark(0.5, "ratio", "at least")),
    ]


async def _produce(system: System, run: str, events: int) -> None:
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=system.addresses.kafka_bootstrap, acks="all", linger_ms=5, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        for key, value in visits(run, events):
            await producer.send(TRACKER_EVENTS, value=value, key=key)
        await producer.flush()
    finally:
        await producer.stop()


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
