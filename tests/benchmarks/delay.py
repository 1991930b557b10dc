"""From the 201 to the event on Kafka, as a subscriber sees it, with nothing else going on."""

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


async def measure(system: System, plan: Plan) -> list[Figure]:
    """One creation about every 100 ms; a `read_committed` subscriber and the client share this process's clock.

    A delay may be below zero: the relay need not wait for the API's answer.
    """
    consumer: Any = AIOKafkaConsumer(
        CONTACTS_CHANGES,
        bootstrap_servers=system.addresses.kafka_bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="latest",
    )
    await consumer.start()
    try:
        await consumer.seek_to_end()
        answered, received = await _create(system, consumer, plan.delays + _WARM_UP)
    finally:
        await consumer.stop()
    delays = [(received[one] - answered[one]) * 1000 for one in list(answered)[_WARM_UP:]]
    p50, p95, p99 = (percentile(delays, part) for part in (0.5, 0.95, 0.99))
    system.say(f"{_NAME}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")
    details = {"samples": len(delays), "min_ms": min(delays), "max_ms": max(delays)}
    return [
        Figure(f"{_NAME}, median, idle", p50, "ms", mark=Mark(25, "value", "at most"), details=details),
        Figure(f"{_NAME}, p95, idle", p95, "ms"),
        Figure(f"{_NAME}, p99, idle", p99, "ms"),
    ]


async def _create(system: System, consumer: Any, number: int) -> tuple[dict[str, float], dict[str, float]]:
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
                async with client.post(url, json=contact_body("delay", one)) as response:
                    now = time.perf_counter()
                    response.raise_for_status()
                    answered[(await response.json())["contact"]["contact_id"]] = now
                await asyncio.sleep(_PAUSE_SECONDS)
        await asyncio.wait_for(all_received(), _DEADLINE_SECONDS)
    finally:
        receiving.cancel()
    return answered, received
