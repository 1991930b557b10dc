"""The consumer runtime on a real Kafka: poison, outages, faults, rebalances, drains."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from prometheus_client import REGISTRY

from consumers.runtime import lag, work
from consumers.runtime import runtime as runtime_module
from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.runtime import ConsumerRuntime
from service.clock import system_clock
from service.errors import RefusedDocumentError, StoreUnavailableError
from service.kafka.admin import open_admin
from service.kafka.groups import committed_offsets
from service.ledger.model import Receipt
from service.settings import ConsumerSettings
from tests.support.waiting import eventually

PARTITIONS = 4
DEADLINE_S = 40.0
MIB = 1024 * 1024


class Sink:
    """Where several handlers of one test write what they have handled."""

    def __init__(self) -> None:
        self.handled: dict[int, list[int]] = defaultdict(list)
        self.values: dict[tuple[int, int], int] = {}

    def total(self) -> int:
        """Distinct records."""
        return len(self.values)


class InHand:
    """What a handler does first with a batch: it says that it has begun, and waits until it may end."""

    def __init__(self) -> None:
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Sequence[Record]) -> None:
        self.begun.set()
        await self.may_end.wait()


class RecordingHandler:
    """Handles records into a sink; `before` may delay or fail a batch."""

    topic = "src"
    name = "test"

    def __init__(self, sink: Sink, before: Callable[[Sequence[Record]], Awaitable[None]] | None = None) -> None:
        self._sink = sink
        self._before = before

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        if any(record.value == b"refused" for record in records):
            raise RefusedDocumentError
        if self._before is not None:
            await self._before(records)
        for record in records:
            self._sink.handled[record.partition].append(record.offset)
            self._sink.values[record.partition, record.offset] = len(record.value or b"")
        return [InvalidRecord(record, "poison", "Poison") for record in records if record.value == b"poison"]


async def count_nothing(dead: Sequence[Receipt]) -> None:
    """Where there is no ledger."""


class Group:
    """The runtimes of a test; each is stopped at its end."""

    def __init__(self, settings: ConsumerSettings) -> None:
        self.settings = settings
        self.dead: list[Receipt] = []
        self._running: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def count_dead(self, dead: Sequence[Receipt]) -> None:
        self.dead += dead

    def start(self, handler: RecordingHandler) -> tuple[ConsumerRuntime, asyncio.Event, asyncio.Task[None]]:
        runtime, stop = ConsumerRuntime(handler, self.settings, system_clock, self.count_dead), asyncio.Event()
        task = asyncio.create_task(runtime.run(stop))
        self._running.append((stop, task))
        return runtime, stop, task

    async def close(self) -> None:
        for stop, _ in self._running:
            stop.set()
        for _, task in self._running:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(task, 15)


class Kafka:
    """The test's own topics: produce to them, read them, ask for committed offsets."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.topic = f"{prefix}src"
        self.producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=17 * MIB, linger_ms=5)

    async def create(self) -> None:
        async with open_admin(self.bootstrap) as admin:
            config = {"max.message.bytes": str(16 * MIB), "message.timestamp.type": "LogAppendTime"}
            names = (self.topic, f"{self.topic}.dlq")
            await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=config) for name in names])
        await self.producer.start()

    async def send(self, count: int, value: bytes | None = b"v", partition: int | None = None, **more: Any) -> None:
        """`count` records, to one partition or to all in turn; returns when Kafka has them."""
        acks = [
            await self.producer.send(
                self.topic, value, partition=index % PARTITIONS if partition is None else partition, **more
            )
            for index in range(count)
        ]
        await asyncio.gather(*acks)

    async def committed(self) -> dict[int, int]:
        """The group's offset of each partition that has one."""
        found = await committed_offsets(self.bootstrap, [f"{self.prefix}pathbound.test"])
        return {partition: offset for (_, partition), offset in found.items()}

    async def dead_letters(self, count: int) -> list[Any]:
        """The first `count` records of the DLQ."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, max_partition_fetch_bytes=17 * MIB)
        await reader.start()
        try:
            partitions = [TopicPartition(f"{self.topic}.dlq", number) for number in range(PARTITIONS)]
            reader.assign(partitions)
            await reader.seek_to_beginning()
            return [await asyncio.wait_for(reader.getone(), DEADLINE_S) for _ in range(count)]
        finally:
            await reader.stop()


@pytest.fixture
async def kafka(kafka_bootstrap: str, topic_prefix: str) -> AsyncIterator[Kafka]:
    kafka = Kafka(kafka_bootstrap, topic_prefix)
    await kafka.create()
    yield kafka
    await kafka.producer.stop()


@pytest.fixture
async def group(kafka: Kafka) -> AsyncIterator[Group]:
    settings = ConsumerSettings(
        kafka_bootstrap=kafka.bootstrap, topic_prefix=kafka.prefix, consumer_batch=20, consumer_drain_seconds=3
    )
    group = Group(settings)
    yield group
    await group.close()


async def committed_are(kafka: Kafka, expected: dict[int, int]) -> None:
    async def there() -> bool:
        return await kafka.committed() == expected

    await eventually(there, DEADLINE_S, f"committed offsets are {expected}")


async def test_poison_goes_to_the_dlq_and_its_neighbours_are_handled(kafka: Kafka, group: Group) -> None:
    await kafka.send(5, partition=1)
    headers = [("x-request-id", b"req_9"), ("odd", b"\xff")]
    await kafka.send(1, b"poison", partition=1, key=b"v-1", headers=headers)
    await kafka.send(5, partition=1)
    await kafka.send(1, b"refused", partition=1)
    await kafka.send(5, partition=1)
    sink = Sink()
    group.start(RecordingHandler(sink))

    await committed_are(kafka, {1: 17})
    assert sorted(set(sink.handled[1])) == [offset for offset in range(17) if offset != 11]
    by_reason = {dict(letter.headers)["dlq-reason"]: letter for letter in await kafka.dead_letters(2)}
    letter = by_reason[b"poison"]
    assert (letter.key, letter.value) == (b"v-1", b"poison")
    assert list(letter.headers[:2]) == headers
    told = dict(letter.headers)
    assert told["dlq-original-topic"] == kafka.topic.encode()
    assert (told["dlq-original-partition"], told["dlq-original-offset"]) == (b"1", b"5")
    assert told["dlq-error-class"] == b"Poison"
    assert told["dlq-consumer"] == f"{kafka.prefix}pathbound.test".encode()
    assert len(told["dlq-original-timestamp"]) == len(told["dlq-failed-at"]) == len("2026-11-23T09:30:00.123Z")
    refused = by_reason[b"document refused by the store"]
    assert (refused.value, dict(refused.headers)["dlq-original-offset"]) == (b"refused", b"11")


async def lag_is(kafka: Kafka, expected: list[int]) -> None:
    async def measured() -> bool:
        labels = [{"topic": kafka.topic, "partition": str(number)} for number in range(PARTITIONS)]
        return [REGISTRY.get_sample_value("pathbound_consumer_lag_records", label) for label in labels] == expected

    await eventually(measured, DEADLINE_S, f"the lag is {expected}")


async def test_an_outage_of_one_partition_stops_only_that_one(
    kafka: Kafka, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "MEASURE_SECONDS", 0.1)
    # Were what waits to try again counted among what is handled at once, nothing else would be.
    monkeypatch.setattr(runtime_module, "BATCHES_AT_ONCE", 1)
    away = True

    async def before(records: Sequence[Record]) -> None:
        if away and any(record.partition == 2 for record in records):
            raise StoreUnavailableError

    sink = Sink()
    await kafka.send(200)
    runtime, _, _ = group.start(RecordingHandler(sink, before))
    await committed_are(kafka, {0: 50, 1: 50, 3: 50})
    await kafka.send(200)
    await committed_are(kafka, {0: 100, 1: 100, 3: 100})
    await lag_is(kafka, [0, 0, 100, 0])
    assert sink.handled[2] == []
    assert runtime.joined

    away = False
    await committed_are(kafka, dict.fromkeys(range(PARTITIONS), 100))
    assert sink.handled[2] == list(range(100))
    await lag_is(kafka, [0, 0, 0, 0])


async def test_a_fault_ends_the_process_with_nothing_committed(kafka: Kafka, group: Group) -> None:
    async def before(_: Sequence[Record]) -> None:
        raise ZeroDivisionError

    await kafka.send(8, partition=0)
    _, _, task = group.start(RecordingHandler(Sink(), before))
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(task, DEADLINE_S)
    assert await kafka.committed() == {}


async def test_stop_finishes_what_is_in_hand_and_commits_it(kafka: Kafka, group: Group) -> None:
    sink, in_hand = Sink(), InHand()
    await kafka.send(10, partition=0)
    _, stop, task = group.start(RecordingHandler(sink, in_hand))
    await asyncio.wait_for(in_hand.begun.wait(), DEADLINE_S)
    stop.set()
    in_hand.may_end.set()
    await asyncio.wait_for(task, 5)
    assert sink.handled[0] == list(range(10))
    assert await kafka.committed() == {0: 10}


async def test_stop_does_not_wait_for_ever_and_commits_nothing_unfinished(
    kafka: Kafka, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TOGETHER_SECONDS", 0.5)
    begun = asyncio.Event()

    async def before(records: Sequence[Record]) -> None:
        if any(record.partition == 0 for record in records):
            begun.set()
            await asyncio.Event().wait()

    await kafka.send(10, partition=1)
    await kafka.send(10, partition=0)
    _, stop, task = group.start(RecordingHandler(Sink(), before))
    await asyncio.wait_for(begun.wait(), DEADLINE_S)
    await committed_are(kafka, {1: 10})
    stop.set()
    await asyncio.wait_for(task, group.settings.consumer_drain_seconds + 3)
    assert await kafka.committed() == {1: 10}


async def test_kafka_away_at_the_start_is_waited_for(kafka: Kafka) -> None:
    settings = ConsumerSettings(kafka_bootstrap="127.0.0.1:1", topic_prefix=kafka.prefix)
    runtime, stop = ConsumerRuntime(RecordingHandler(Sink()), settings, system_clock, count_nothing), asyncio.Event()
    task = asyncio.create_task(runtime.run(stop))

    async def tried_twice() -> bool:
        return runtime._failures >= 2

    await eventually(tried_twice, DEADLINE_S, "it tries again")
    assert not runtime.joined
    assert runtime.progress_age() < 10
    stop.set()
    await asyncio.wait_for(task, 5)
