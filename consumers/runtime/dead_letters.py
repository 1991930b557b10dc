"""Poison records, put aside: the raw bytes on `<topic>.dlq`, with headers that say what, why, where from and when."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from consumers.runtime.outcomes import InvalidRecord
from schemas.timestamps import iso_millis
from schemas.topics import dead_letters_of
from service.clock import Clock
from service.kafka.connection import Broker, start_client
from service.kafka.producers import discard, make_producer
from service.kafka.sending import Outgoing

HEADER_PREFIX = "dlq-"
"""Of every header that we add to a record."""
OMITTED = "omitted"
"""Tells the size of a value that the letter does not hold."""

log = structlog.get_logger(__name__)
Headers = list[tuple[str, bytes | None]]


class DeadLetters:
    """Publishes to the DLQs. Connects at the first poison record: most processes never see one."""

    def __init__(self, broker: Broker, consumer: str, clock: Clock) -> None:
        self._broker = broker
        self._consumer = consumer
        self._clock = clock
        self._producer: Any = None
        self._lock = asyncio.Lock()

    async def publish(self, invalid: Sequence[InvalidRecord]) -> None:
        """Return once every broker that must has them all. Raises KafkaError; then any of them may be there already."""
        async with self._lock:
            try:
                await self._send_together(invalid)
            except BaseException:
                # After an error an idempotent producer's sequence numbers are in doubt: the next try gets a new one.
                await self._discard(clean=False)
                raise

    async def close(self) -> None:
        """Disconnect."""
        async with self._lock:
            await self._discard(clean=True)

    async def _started(self) -> Any:
        if self._producer is None:
            self._producer = make_producer(self._broker)
            await start_client(self._producer, self._broker)
        return self._producer

    async def _send_together(self, invalid: Sequence[InvalidRecord]) -> None:
        """Not one after the other: thousands would each wait for the network, and liveness would end the process.

        Kafka refuses what comes together with a letter that is too large, and what comes behind it: those go alone.
        """
        producer = await self._started()
        sending = [await _handed_over(producer, self._letter(one)) for one in invalid]
        answers = await asyncio.gather(*sending, return_exceptions=True)
        refused = [(one, answer) for one, answer in zip(invalid, answers, strict=True) if isinstance(answer, Exception)]
        if not refused:
            return
        if not any(isinstance(error, MessageSizeTooLargeError) for _, error in refused):
            raise refused[0][1]
        await self._discard(clean=False)
        for letter, _ in refused:
            await self._send_alone(letter)

    async def _send_alone(self, letter: InvalidRecord) -> None:
        topic, key, value, headers = self._letter(letter)
        producer = await self._started()
        try:
            await producer.send_and_wait(topic, value=value, key=key, headers=headers)
        except MessageSizeTooLargeError:
            # A record as large as its topic allows has no room for our headers if the DLQ allows no more. It must not
            # stall the partition: the letter says where the bytes still are.
            record = letter.record
            log.error("dead_letter_value_omitted", topic=record.topic, partition=record.partition, offset=record.offset)
            # Kafka takes nothing more of the producer there: the refused letter is a gap in its sequence.
            await self._discard(clean=False)
            producer = await self._started()
            omitted = (f"{HEADER_PREFIX}{OMITTED}", str(len(value or b"")).encode())
            told = [*self._headers(letter), omitted]
            await producer.send_and_wait(topic, value=None, key=b"", headers=told)

    def _letter(self, letter: InvalidRecord) -> Outgoing:
        record = letter.record
        # aiokafka refuses to send a record that has neither, though Kafka and other clients allow it.
        key = b"" if record.key is None and record.value is None else record.key
        headers = [*record.headers, *self._headers(letter)]
        return Outgoing(dead_letters_of(record.topic), key, record.value, headers)

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

    async def _discard(self, *, clean: bool) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer, clean=clean)


async def _handed_over(producer: Any, record: Outgoing) -> "asyncio.Future[Any]":
    """Its acknowledgement to come, once it has its place in the order."""
    topic, key, value, headers = record
    try:
        queued: asyncio.Future[Any] = await producer.send(topic, value=value, key=key, headers=headers)
    except MessageSizeTooLargeError as error:
        queued = asyncio.get_running_loop().create_future()
        queued.set_exception(error)
    return queued
