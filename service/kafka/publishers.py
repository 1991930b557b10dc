"""What the outbox relay publishes through: implementations of `service.outbox.publisher.Publisher`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from schemas.topics import CONTACTS_TIMELINE
from service.errors import FeedRequestError, StreamUnavailableError
from service.kafka.cloudevents import Encode, encode_of, structured
from service.kafka.connection import Broker, start_client
from service.kafka.producers import discard, make_producer
from service.kafka.refusals import unavailable
from service.kafka.sending import encoded, send_all
from service.kafka.topics import partitions_of
from service.outbox.model import OutboxRecord
from service.outbox.publisher import Publisher, PublisherFactory, PublisherFencedError
from service.settings import RelaySettings

_START_SECONDS = 10.0
_PUBLISH_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def publisher_factory(settings: RelaySettings) -> PublisherFactory:
    """How a shard's publisher is made, by `relay_transactions`; a warning where that means no fencing."""
    if not settings.relay_transactions:
        _log.warning("relay_without_transactions", hint="a relay that was paused and wakes up may publish again")
    return _factory(settings)


def timeline_publisher_factory(settings: RelaySettings) -> PublisherFactory:
    """The same for `contacts.timeline`: apart from the changes, so that neither waits for the other."""
    make = _factory(settings, "timeline.")
    check = _TopicCheck(settings, f"{settings.topic_prefix}{CONTACTS_TIMELINE}")
    return lambda shard: PublisherOfTopic(make(shard), check)


def _factory(settings: RelaySettings, kind: str = "") -> PublisherFactory:
    prefix = settings.topic_prefix
    encode = encode_of(settings.relay_content_mode)
    if settings.relay_transactions:
        return lambda shard: TransactionalPublisher(settings, transactional_id(prefix, shard, kind), prefix, encode)
    return lambda _shard: NonTransactionalPublisher(settings, prefix, encode)


def transactional_id(prefix: str, shard: int, kind: str = "") -> str:
    """The same for all relays, so that Kafka lets only the latest one publish the shard."""
    return f"{prefix}pathbound.relay.{kind}{shard}"


class _TopicCheck:
    """Whether the topic is there: asked once for all shards, and again after a failure."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic
        self._asking = asyncio.Lock()
        self._found = False

    async def __call__(self) -> None:
        """Raises StreamUnavailableError with a sentence for people."""
        async with self._asking:
            if self._found:
                return
            try:
                async with asyncio.timeout(_START_SECONDS):
                    found = await partitions_of(self._broker, self._topic)
            except (FeedRequestError, TimeoutError) as error:
                raise StreamUnavailableError(str(error) or type(error).__name__) from error
            if found is None:
                raise StreamUnavailableError(f"There is no topic {self._topic}: make it with `pathbound init`.")
            self._found = True

    def forget(self) -> None:
        """Something failed: it may be gone."""
        self._found = False


class PublisherOfTopic:
    """Does not start without its topic, and says so: a producer would only wait for it."""

    def __init__(self, publisher: Publisher, check: _TopicCheck) -> None:
        self._publisher = publisher
        self._check = check
        self.stop = publisher.stop

    async def start(self) -> None:
        """See Publisher.start."""
        await self._check()
        await self._publisher.start()

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        """See Publisher.publish."""
        try:
            await self._publisher.publish(records)
        except StreamUnavailableError:
            self._check.forget()
            raise


class _KafkaPublisher:
    """A producer, started late, and useless after its first error. Records name topics without the prefix."""

    def __init__(self, broker: Broker, make: Callable[[], AIOKafkaProducer], topic_prefix: str, encode: Encode) -> None:
        self._broker = broker
        self._make = make
        self._encode = encode
        self._topic_prefix = topic_prefix
        self._producer: AIOKafkaProducer | None = None
        self._clean = True

    async def start(self) -> None:
        """See Publisher.start."""
        self._producer = self._make()
        async with self._bounded(_START_SECONDS):
            await start_client(self._producer, self._broker)

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
        await send_all(producer, encoded(records, self._topic_prefix, self._encode))

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
            raise unavailable(error, "publish to", "its topics") from error
        except (OSError, TimeoutError) as error:
            raise StreamUnavailableError(type(error).__name__) from error
        self._clean = True


class TransactionalPublisher(_KafkaPublisher):
    """Each batch is one Kafka transaction; starting it fences whoever had the same transactional id."""

    def __init__(
        self, broker: Broker, transactional_id: str, topic_prefix: str = "", encode: Encode = structured
    ) -> None:
        super().__init__(broker, lambda: make_producer(broker, transactional_id), topic_prefix, encode)

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

    def __init__(self, broker: Broker, topic_prefix: str = "", encode: Encode = structured) -> None:
        super().__init__(broker, lambda: make_producer(broker), topic_prefix, encode)

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        """See Publisher.publish, but not all or none."""
        producer = self._started()
        async with self._bounded(_PUBLISH_SECONDS):
            await self._send_all(producer, records)
