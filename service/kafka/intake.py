"""What the doors for sources publish through: implements `service.intake.ports.InboundPublisher`."""

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from service.errors import StreamUnavailableError
from service.intake.model import InboundRecord
from service.kafka.connection import Broker, start_client
from service.kafka.producers import discard, make_producer
from service.kafka.refusals import unavailable
from service.kafka.sending import Outgoing, send_all

PUBLISH_SECONDS = 5.0
"""How long a request may wait for Kafka, connecting included."""
_LATE = 2
"""A producer may take so many times as long: to start, and to get rid of a request's records. It hears from Kafka four
times before it has started and twice before the first record is there: one that went whenever a request gave up would
never come to that where Kafka is slow."""


class KafkaInboundPublisher:
    """One idempotent producer (`acks=all`) for all requests, made at the first one. After a failure, or when Kafka
    takes far too long, it is thrown away with all that it still had in hand, so that nothing is sent long after its
    client was told to send it again."""

    def __init__(self, broker: Broker, topic_prefix: str = "", publish_seconds: float = PUBLISH_SECONDS) -> None:
        self._broker = broker
        self._topic_prefix = topic_prefix
        self._publish_seconds = publish_seconds
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def publish(self, records: Sequence[InboundRecord]) -> None:
        """See InboundPublisher.publish."""
        starting = self._start()
        sending = asyncio.create_task(self._send(starting, records))
        try:
            async with asyncio.timeout(self._publish_seconds):
                await asyncio.shield(sending)
        except TimeoutError as error:
            self._give_up(starting, sending)
            raise unavailable(error, "publish to", records[0].topic) from error
        except asyncio.CancelledError:
            sending.cancel()
            raise

    async def close(self) -> None:
        """Let go of the producer, in bounded time whatever state Kafka is in."""
        for late in self._late:
            late.cancel()
        starting, self._starting = self._starting, None
        if starting is not None:
            await self._end(starting, clean=True)
        while others := self._late | self._ending:
            await asyncio.wait(others)

    async def _send(self, starting: "asyncio.Task[AIOKafkaProducer]", records: Sequence[InboundRecord]) -> None:
        try:
            async with asyncio.timeout(_LATE * self._publish_seconds):
                # Others wait for the same producer: whoever gives up must not cancel its start.
                producer = await asyncio.shield(starting)
                await send_all(producer, [_outgoing(record, self._topic_prefix) for record in records])
        except (KafkaError, OSError, TimeoutError) as error:
            self._drop(starting)
            raise unavailable(error, "publish to", records[0].topic) from error

    def _give_up(self, starting: "asyncio.Task[AIOKafkaProducer]", sending: "asyncio.Task[None]") -> None:
        """Of a request's time: what the producer has in hand may still get there, and takes nobody else's along."""
        if not starting.done():
            sending.cancel()
            return
        late = asyncio.create_task(_unheard(sending))
        self._late.add(late)
        late.add_done_callback(self._late.discard)

    def _start(self) -> "asyncio.Task[AIOKafkaProducer]":
        # One that was refused, or failed after everybody had given up, has been dropped by nobody.
        if self._starting is None or (self._starting.done() and self._starting.exception()):
            self._starting = asyncio.create_task(self._started())
        return self._starting

    async def _started(self) -> AIOKafkaProducer:
        producer = make_producer(self._broker)
        try:
            async with asyncio.timeout(_LATE * self._publish_seconds):
                await start_client(producer, self._broker)
        except BaseException:
            await discard(producer, clean=False)
            raise
        return producer

    def _drop(self, starting: "asyncio.Task[AIOKafkaProducer]") -> None:
        if self._starting is not starting:
            return  # somebody else has thrown it away
        self._starting = None
        ending = asyncio.create_task(self._end(starting, clean=False))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, starting: "asyncio.Task[AIOKafkaProducer]", *, clean: bool) -> None:
        if not starting.done():
            starting.cancel()
        await asyncio.wait([starting])
        if not starting.cancelled() and starting.exception() is None:
            await discard(starting.result(), clean=clean)


async def _unheard(sending: "asyncio.Task[None]") -> None:
    """The client was told already that Kafka cannot be used."""
    with contextlib.suppress(StreamUnavailableError):
        await sending


def _outgoing(record: InboundRecord, topic_prefix: str) -> Outgoing:
    told = (("x-request-id", record.request_id), ("traceparent", record.traceparent))
    headers = [(name, value.encode()) for name, value in told if value]
    return Outgoing(f"{topic_prefix}{record.topic}", record.key, record.value, headers)
