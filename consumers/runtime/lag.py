"""Lag: how many records of each assigned partition are not finished yet, as a metric."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka.errors import KafkaError

from service.ops import metrics

MEASURE_SECONDS = 5.0


class Lag:
    """Knows the next unfinished offset of each partition, and asks the broker for the ends."""

    def __init__(self) -> None:
        self._next: dict[Any, int] = {}
        self._reported: set[Any] = set()

    def seen(self, partition: Any, offset: int) -> None:
        """`offset` is the first one in hand; all before it are finished."""
        self._next.setdefault(partition, offset)

    def finished(self, partition: Any, offset: int) -> None:
        """All before `offset` are finished and committed."""
        self._next[partition] = offset

    def forget(self, partitions: Iterable[Any]) -> None:
        """They are not ours any more."""
        for partition in partitions:
            self._next.pop(partition, None)
            # Another process reports it now: a number that stays behind here would never fall.
            if partition in self._reported:
                self._reported.discard(partition)
                metrics.CONSUMER_LAG.remove(partition.topic, str(partition.partition))

    async def measure_for_ever(self, consumer: Any) -> None:
        """Set the metric every MEASURE_SECONDS, beside the work, until cancelled."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            try:
                await self.measure(consumer)
            except (KafkaError, TimeoutError):
                continue

    async def measure(self, consumer: Any) -> None:
        """Set the metric for each assigned partition. Raises KafkaError."""
        partitions = list(consumer.assignment())
        if not partitions:
            return
        ends = await consumer.end_offsets(partitions)
        for partition, end in ends.items():
            done = self._next.get(partition)
            if done is None:
                done = await consumer.position(partition)
            if partition in consumer.assignment():
                self._reported.add(partition)
                metrics.CONSUMER_LAG.labels(partition.topic, str(partition.partition)).set(max(0, end - done))
