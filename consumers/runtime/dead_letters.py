"""Poison records, put aside: the raw bytes on `<topic>.dlq`, with headers that say what, why, where from and when."""

import asyncio
from collections.abc import Sequence

import structlog

from consumers.runtime.outcomes import InvalidRecord
from consumers.runtime.sending import Sender
from schemas.timestamps import iso_millis
from schemas.topics import dead_letters_of
from service.clock import Clock
from service.kafka.connection import Broker
from service.kafka.sending import Outgoing

HEADER_PREFIX = "dlq-"
"""Of every header that we add to a record."""
OMITTED = "omitted"
"""Tells the size of a value that the letter does not hold."""

log = structlog.get_logger(__name__)
Headers = list[tuple[str, bytes | None]]


class DeadLetters:
    """Publishes to the DLQs."""

    def __init__(self, broker: Broker, consumer: str, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._sender = Sender(broker)
        self._lock = asyncio.Lock()

    async def publish(self, invalid: Sequence[InvalidRecord]) -> None:
        """Return once every broker that must has them all. Raises KafkaError; then any of them may be there already."""
        async with self._lock:
            answers = await self._sender.send(
                [self._letter(one) for one in invalid], lambda index: self._without_value(invalid[index])
            )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def close(self) -> None:
        """Disconnect."""
        async with self._lock:
            await self._sender.close()

    def _letter(self, letter: InvalidRecord) -> Outgoing:
        record = letter.record
        headers = [*record.headers, *self._headers(letter)]
        return Outgoing(dead_letters_of(record.topic), record.key, record.value, headers)

    def _without_value(self, letter: InvalidRecord) -> Outgoing:
        """A record as large as its topic allows has no room for our headers if the DLQ allows no more. It must not
        stall the partition: the letter says where the bytes still are."""
        record = letter.record
        log.error("dead_letter_value_omitted", topic=record.topic, partition=record.partition, offset=record.offset)
        omitted = (f"{HEADER_PREFIX}{OMITTED}", str(len(record.value or b"")).encode())
        return Outgoing(dead_letters_of(record.topic), None, None, [*self._headers(letter), omitted])

    def _headers(self, letter: InvalidRecord) -> Headers:
        record = letter.record
        told = {
            "reason": letter.reason,
            "error-class": letter.error_class,
            "original-topic": record.topic,
            "original-partition": str(record.partition),
            "original-offset": str(record.offset),
            "original-timestamp": iso_millis(record.timestamp),
            "consumer": self._consumer,
            "failed-at": iso_millis(self._clock()),
        }
        return [(f"{HEADER_PREFIX}{name}", value.encode()) for name, value in told.items()]
