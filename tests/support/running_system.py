"""The API, relays and consumers as processes of their own, on a database and topics of their own."""

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.bootstrap import Core, open_core
from deploy.stack.directory import DataDirectory
from deploy.stack.processes import stop_all
from schemas.topics import (
    CONTACTS_CHANGES,
    GMAIL_MESSAGES,
    INTERCOM_EVENTS,
    MAX_RECORD_BYTES,
    TRACKER_EVENTS,
    dead_letters_of,
)
from service.kafka.admin import open_admin
from service.kafka.topics import create_topics
from service.settings import MongoSettings, TopicSettings
from tests.support.api import ApiUser
from tests.support.commands import environment
from tests.support.databases import fresh_database
from tests.support.relay import read_committed
from tests.support.service_processes import HOST, ServiceProcess
from tests.support.waiting import eventually

CONSUMED_S = 70.0
TOPICS = {"tracker": TRACKER_EVENTS, "gmail": GMAIL_MESSAGES, "intercom": INTERCOM_EVENTS}
"""By source."""
_STOP_GRACE_S = 4.0


class System:
    """APIs, relays and consumers; `core` is the same core in the test's process, to look behind them."""

    def __init__(
        self, directory: Path, core: Core, topics: TopicSettings, env: Mapping[str, str], sources: Sequence[str]
    ) -> None:
        self.core = core
        self.topics = topics
        self.directory = DataDirectory(directory)
        self.env = dict(env)
        self.apis = [self._process("api", ["api"])]
        self.relays = [self._process("relay-1", ["relay"])]
        self.consumers: list[ServiceProcess] = []
        for source in sources:
            self.add_consumer(source)
        self.user: ApiUser  # set once the database is there

    @property
    def api(self) -> ServiceProcess:
        return self.apis[0]

    @property
    def relay(self) -> ServiceProcess:
        return self.relays[0]

    @property
    def consumer(self) -> ServiceProcess:
        return self.consumers[0]

    @property
    def tenant_id(self) -> str:
        return self.user.tenant_id

    @property
    def processes(self) -> list[ServiceProcess]:
        return [*self.apis, *self.relays, *self.consumers]

    def add_api(self) -> ServiceProcess:
        """Another API, not started."""
        self.apis.append(self._process(f"api-{len(self.apis) + 1}", ["api"]))
        return self.apis[-1]

    def add_relay(self) -> ServiceProcess:
        """Another relay, not started."""
        self.relays.append(self._process(f"relay-{len(self.relays) + 1}", ["relay"]))
        return self.relays[-1]

    def add_consumer(self, source: str = "tracker") -> ServiceProcess:
        """Another consumer, not started."""
        self.consumers.append(self._process(f"consumer-{len(self.consumers) + 1}", ["consume", source]))
        return self.consumers[-1]

    def topic(self, name: str) -> str:
        """A topic's name with the prefix."""
        return f"{self.topics.topic_prefix}{name}"

    async def start(self) -> None:
        for process in self.processes:
            process.start()
        for process in self.processes:
            await process.wait_ready()

    def _process(self, name: str, arguments: Sequence[str]) -> ServiceProcess:
        return ServiceProcess(name, arguments, self.directory, self.env)

    # --- the sources' topics ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A producer of the test's."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.topics.kafka_bootstrap, max_request_size=MAX_RECORD_BYTES, acks="all"
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def send(self, messages: Iterable[Mapping[str, Any]], **more: Any) -> None:
        """Tracker envelopes, keyed by visitor, in order; of the user's tenant unless they say otherwise."""
        async with self.producer() as producer:
            sent = [await self.enqueue(producer, message, **more) for message in messages]
            await asyncio.gather(*sent)

    async def enqueue(
        self, producer: AIOKafkaProducer, message: Mapping[str, Any], **more: Any
    ) -> "asyncio.Future[Any]":
        """Hand one over; the future is done once Kafka has it."""
        whole = {"tenant_id": self.tenant_id, **message}
        key = str(whole.get("visitorId") or "").encode()
        queued: asyncio.Future[Any] = await producer.send(
            self.topic(TRACKER_EVENTS), orjson.dumps(whole), key=key, **more
        )
        return queued

    async def produce(self, source: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Keys and values on the source's topic, in order; done once Kafka has all of them."""
        async with self.producer() as producer:
            topic = self.topic(TOPICS[source])
            await asyncio.gather(*[await producer.send(topic, value, key=key) for key, value in records])

    async def all_consumed(self, deadline_s: float = CONSUMED_S, source: str = "tracker") -> None:
        """Wait until the committed offset of each partition of the source's topic is the partition's end."""

        async def consumed() -> bool:
            try:
                ends = await self.ends(source)
                committed = await self.committed(source)
            except (KafkaError, OSError, TimeoutError):
                return False
            return all(committed.get(partition, 0) == end for partition, end in ends.items())

        await eventually(consumed, deadline_s, "the committed offsets are the log ends")

    async def ends(self, source: str = "tracker") -> dict[int, int]:
        """The log end of each partition of the source's topic."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.topics.kafka_bootstrap)
        await consumer.start()
        try:
            count = self.topics.topic_partitions
            partitions = [TopicPartition(self.topic(TOPICS[source]), number) for number in range(count)]
            ends = await consumer.end_offsets(partitions)
            return {partition.partition: end for partition, end in ends.items()}
        finally:
            await consumer.stop()

    async def committed(self, source: str = "tracker") -> dict[int, int]:
        """The offsets of the source's consumer group."""
        async with open_admin(self.topics.kafka_bootstrap) as admin:
            offsets = await admin.list_consumer_group_offsets(f"{self.topics.topic_prefix}pathbound.{source}")
        return {partition.partition: found.offset for partition, found in offsets.items() if found.offset >= 0}

    async def dead_letters(self, source: str = "tracker") -> list[Any]:
        """All that is on the source's DLQ."""
        return await read_committed(self.topics.kafka_bootstrap, self.topic(dead_letters_of(TOPICS[source])))

    # --- contacts.changes -------------------------------------------------------------------------------------------

    async def outbox_empty(self, deadline_s: float = CONSUMED_S) -> None:
        """Wait until nothing waits to be published."""

        async def empty() -> bool:
            return not await self.core.store.outbox.backlog()

        await eventually(empty, deadline_s, "no outbox record waits")

    async def timeline_told(self) -> None:
        """Wait until no event waits for contacts.timeline."""

        async def told() -> bool:
            return not await self.core.store.untold.backlog()

        await eventually(told, CONSUMED_S, "no event waits")

    async def changes(self) -> list[Any]:
        """What a read_committed subscriber gets, from the topic's start."""
        return await self.published(CONTACTS_CHANGES)

    async def published(self, name: str) -> list[Any]:
        """The same of another topic."""
        return await read_committed(self.topics.kafka_bootstrap, self.topic(name))

    async def tracked(self, contact_id: str) -> list[dict[str, Any]]:
        """A contact's timeline as the API shows it, oldest first, without our own changes."""
        events = await self.user.events(contact_id, sort_dir="asc")
        return [event for event in events if event["source"] == "tracker"]


@asynccontextmanager
async def running_system(
    mongo_url: str,
    kafka_bootstrap: str,
    *,
    partitions: int = 4,
    sources: Sequence[str] = ("tracker",),
    env: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> AsyncIterator[System]:
    """A whole system, ready, with a consumer of each source, and a database and topics of its own; ended and forgotten
    afterwards, but for the logs in `directory` if that is given. `env` is more of its processes' environment."""
    mongo = MongoSettings(mongo_url=mongo_url, mongo_database=f"test_{uuid.uuid4().hex[:20]}")
    topics = TopicSettings(
        kafka_bootstrap=kafka_bootstrap, topic_prefix=f"t{uuid.uuid4().hex[:10]}.", topic_partitions=partitions
    )
    own = environment(mongo_url, mongo.mongo_database, kafka_bootstrap, topics.topic_prefix)
    whole = {**(env or {}), **own, "PATHBOUND_LOG_FORMAT": "json"}
    with nullcontext(directory) if directory else tempfile.TemporaryDirectory(prefix="pathbound-system-") as place:
        async with fresh_database(mongo):
            await create_topics(topics)
            async with open_core(mongo) as core:
                system = System(Path(place), core, topics, whole, sources)
                system.user = await ApiUser.create(f"http://{HOST}:{system.api.port}", core)
                try:
                    await system.start()
                    yield system
                finally:
                    await system.user.close()
                    await asyncio.to_thread(stop_all, [one.process for one in system.processes], _STOP_GRACE_S)
