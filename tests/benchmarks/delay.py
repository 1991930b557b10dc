"""From the 201 to the event on Kafka, as a subscriber sees it: with nothing else going on, and beside other writes."""

import asyncio
import time
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer

from schemas.topics import CONTACTS_CHANGES
from tests.benchmarks.figures import Figure, Mark, percentile
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body
from tests.benchmarks.system import System

_NAME = "201 to Kafka"
_PAUSE_SECONDS = 0.1
_DEADLINE_SECONDS = 10.0
_WARM_UP = 10
_RATES = (200, 500)
"""Writes a second beside the measured ones. What the API cannot take of them is told with the figure."""
_JUDGED = 200
_MARKS = {"median": 15, "p99": 100}


async def measure(system: System, plan: Plan) -> list[Figure]:
    """One creation about every 100 ms; a `read_committed` subscriber and the client share this process's clock.

    A delay may be below zero: the relay need not wait for the API's answer.
    """
    found = await _measured(system, plan, "idle", "delay", {"median": 25})
    for rate in _RATES:
        bodies = [contact_body(f"beside{rate}", one) for one in range(int(rate * plan.delays * _PAUSE_SECONDS * 1.5))]
        beside = asyncio.create_task(system.http([("POST", "/v1/contacts", body) for body in bodies], 201, rate))
        marks = _MARKS if rate == _JUDGED else {}
        found += await _measured(system, plan, f"beside {rate} writes/s asked for", f"delay{rate}", marks)
        got = (await beside)["per_second"]
        system.say(f"Of {rate} writes/s asked for the API took {got:.0f}/s.")
        found.append(Figure(f"writes taken of {rate}/s asked for, while the delay was measured", got, "/s"))
        await system.settle()
    return found


async def _measured(system: System, plan: Plan, when: str, run: str, marks: dict[str, int]) -> list[Figure]:
    consumer: Any = AIOKafkaConsumer(
        CONTACTS_CHANGES,
        bootstrap_servers=system.addresses.kafka_bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="latest",
    )
    await consumer.start()
    try:
        await consumer.seek_to_end()
        answered, received = await _create(system, consumer, run, plan.delays + _WARM_UP)
    finally:
        await consumer.stop()
    delays = [(received[one] - answered[one]) * 1000 for one in list(answered)[_WARM_UP:]]
    p50, p95, p99 = (percentile(delays, part) for part in (0.5, 0.95, 0.99))
    system.say(f"{_NAME}, {when}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")
    details = {"samples": len(delays), "min_ms": min(delays), "max_ms": max(delays)}
    return [
        Figure(f"{_NAME}, {name}, {when}", value, "ms", mark=_mark(marks.get(name)), details=details)
        for name, value in (("median", p50), ("p95", p95), ("p99", p99))
    ]


def _mark(limit: int | None) -> Mark | None:
    return None if limit is None else Mark(limit, "value", "at most")


async def _create(system: System, consumer: Any, run: str, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """When each contact's creation was answered, and when its event was received, by contact id."""
    received: dict[str, float] = {}
    answered: dict[str, float] = {}

    async def receive() -> None:
        async for record in consumer:
            received.setdefault(orjson.loads(record.value)["subject"], time.perf_counter())

    async def all_received() -> None:
        while not answered.keys() <= received.keys():  # noqa: ASYNC110 - looked at seldom, and not part of a figure
            await asyncio.sleep(_PAUSE_SECONDS)

    receiving = asyncio.create_task(receive())
    url = f"http://127.0.0.1:{system.api_port}/v1/contacts"
    try:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {system.api_key}"}) as client:
            for one in range(number):
                async with client.post(url, json=contact_body(run, one)) as response:
                    now = time.perf_counter()
                    response.raise_for_status()
                    answered[(await response.json())["contact"]["contact_id"]] = now
                await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.wait_for(all_received(), _DEADLINE_SECONDS)
    finally:
        receiving.cancel()
    return answered, received
