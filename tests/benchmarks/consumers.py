"""Consumer processes beside those that `up` runs, and how far a source's topic has been worked off."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from deploy.stack.directory import DataDirectory
from service.ledger.model import Outcome
from tests.benchmarks.system import System
from tests.support.service_processes import ServiceProcess

_GRACE_SECONDS = 10.0
_LOOK_SECONDS = 0.02
_DEADLINE_SECONDS = 300.0


@asynccontextmanager
async def consumers(system: System, source: str, count: int = 1, *, ready: bool = True) -> AsyncIterator[list[int]]:
    """So many processes of one group, from start to stop; their process ids. Not waited for unless `ready`."""
    env = {
        "PATHBOUND_MONGO_URL": system.addresses.mongo_url,
        "PATHBOUND_KAFKA_BOOTSTRAP": system.addresses.kafka_bootstrap,
        "PATHBOUND_LOG_FORMAT": "json",
    }
    directory = DataDirectory(system.directory)
    started = [ServiceProcess(f"{source}-{one}", ["consume", source], directory, env) for one in range(count)]
    async with AsyncExitStack() as stopping:
        for process in started:
            process.start()
            stopping.push_async_callback(asyncio.to_thread, process.process.stop, _GRACE_SECONDS)
        if ready:
            await asyncio.gather(*(process.wait_ready() for process in started))
        yield [process.pid for process in started]


async def counted(system: System, topic: str) -> int:
    """How many of the topic's records the ledger has: it commits with what they led to."""
    rows = await system.database.ledger.find({"_id.topic": topic}).to_list(None)
    return sum(int(row.get(str(outcome), 0)) for row in rows for outcome in Outcome)


async def rate_until(system: System, topic: str, before: int, records: int) -> float:
    """Records per second from the first sight of new ones to `records` of them."""
    deadline = time.perf_counter() + _DEADLINE_SECONDS
    first: tuple[float, int] | None = None
    while time.perf_counter() < deadline:
        count, now = await counted(system, topic) - before, time.perf_counter()
        if count and first is None:
            first = (now, count)
        if first is not None and count >= records:
            if count == first[1]:
                raise RuntimeError("all came at once: ask for more records")
            return (count - first[1]) / (now - first[0])
        await asyncio.sleep(_LOOK_SECONDS)
    raise TimeoutError(f"{topic} has not been worked off in time")


@asynccontextmanager
async def producing(system: System) -> AsyncIterator[Any]:
    """A producer that waits for Kafka's acknowledgement of all replicas, and gathers for 5 ms."""
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=system.addresses.kafka_bootstrap, acks="all", linger_ms=5, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def produce(system: System, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Put (key, value) records on the topic; returns when Kafka has all."""
    async with producing(system) as producer:
        for key, value in records:
            await producer.send(topic, value=value, key=key)
        await producer.flush()
