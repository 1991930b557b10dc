"""What the outbox relay publishes through: implementations of `service.outbox.publisher.Publisher`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from service.errors import StreamUnavailableError
from service.kafka.cloudevents import Encode, encode_of, structured
from service.kafka.producers import discard, make_producer, start
from service.kafka.sending import send_all
from service.outbox.model import OutboxRecord
from service.outbox.publisher import PublisherFactory, PublisherFencedError
from service.settings import RelaySettings

_START_SECONDS = 10.0
_PUBLISH_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def publisher_factory(settings: RelaySettings) -> PublisherFactory:
    """How a shard's publisher is made, by `relay_transactions`; a warning where that means no fencing."""
    bootstrap, prefix = settings.kafka_bootstrap, settings.topic_prefix
    encode = encode_of(settings.relay_content_mode)
    if settings.relay_transactions:
        return lambda shard: TransactionalPublisher(bootstrap, transactional_id(prefix, shard), prefix, encode)
    _log.warning("relay_without_transactions", hint="a relay that was paused and wakes up may publish again")
    return lambda _shard: NonTransactionalPublisher(bootstrap, prefix, encode)


def transactional_id(prefix: str, shard: int) -> str:
    """The same for all relays, so that Kafka lets only the latest one publish the shard."""
    return f"{prefix}pathbound.relay.{shard}"


class _KafkaPublisher:
    """A producer, started late, and useless after its first error. Records name topics without the prefix."""

    def __init__(self, make: Callable[[], AIOKafkaProducer], topic_prefix: str, encode: Encode) -> None:
        self._make = make
        self._encode = encode
        self._topic_prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._clean = True

    async def start(self) -> None:
        """See Publisher.start."""
        self._producer = self._make()
        async with self._bounded(_START_SECONDS):
            await start(self._producer)

    async def stop(self) -> None:
        """See Publisher.stop."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer, clean=self._clean)

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None or not self._clean:
            raise StreamUnavailableError("this publisher has ended")
        return self._producer

    async def _send_all(self, producer: AIOKafkaProducer, records: Sequence[OutboxRecord]) -> None:
        await send_all(producer, records, self._topic_prefix, self._encode)

    @asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        """Bound in time, in the core's words; anything but success (a cancellation too) ends this publisher."""
        self._clean = False
        try:
            async with asyncio.timeout(seconds):
                yield
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise PublisherFencedError(type(error).__name__) from error
        except KafkaError as error:
            if isinstance(error.__cause__, InvalidProducerEpoch | ProducerFenced):
                raise PublisherFencedError(type(error).__name__) from error
            raise StreamUnavailableError(type(error).__name__) from error
        except (OSError, TimeoutError) as error:
            raise StreamUnavailableError(type(error).__name__) from error
        self._clean = True


class TransactionalPublisher(_KafkaPublisher):
    """Each batch is one Kafka transaction; starting it fences whoever had the same transactional id."""

    def __init__(
        self, bootstrap: str, transactional_id: str, topic_prefix: str = "", encode: Encode = structured
    ) -> None:
        super().__init__(lambda: make_producer(bootstrap, transactional_id), topic_prefix, encode)

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        """See Publisher.publish."""
        producer = self._started()
        async with self._bounded(_PUBLISH_SECONDS):
            await producer.begin_transaction()
            # Awaited before the commit, which aiokafka would else make without the batches that failed.
            await self._send_all(producer, records)
            await producer.commit_transaction()


class NonTransactionalPublisher(_KafkaPublisher):
    """For brokers without transactions (librdkafka's mock): idempotent and ordered, but nothing is fenced."""

    def __init__(self, bootstrap: str, topic_prefix: str = "", encode: Encode = structured) -> None:
        super().__init__(lambda: make_producer(bootstrap), topic_prefix, encode)

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        """See Publisher.publish, but not all or none."""
        producer = self._started()
        async with self._bounded(_PUBLISH_SECONDS):
            await self._send_all(producer, records)
