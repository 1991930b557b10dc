"""Kafka that is stopped, absent, or only a mock: everything ends in bounded time and says what it knows."""

import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.stack.directory import DataDirectory
from deploy.stack.mock_kafka import MockKafka
from schemas.topics import CONTACTS_CHANGES, TOPICS
from service.errors import StoreUnavailableError, StreamUnavailableError
from service.kafka.probe import KafkaProbe
from service.kafka.publishers import TransactionalPublisher, publisher_factory
from service.kafka.topics import create_topics
from service.mongo.store import MongoStore
from service.outbox.model import SHARDS
from service.outbox.relay import Relay
from service.settings import RelaySettings, TopicSettings
from tests.support.freezing import freeze, thaw
from tests.support.relay import by_contact, contact_in, expected, first_seen, read_committed, record_of, running
from tests.support.waiting import eventually


@pytest.fixture
async def mock(tmp_path: Path) -> AsyncIterator[MockKafka]:
    """A mock of Kafka of the test's own, in a process that can be stopped (SIGSTOP)."""
    kafka = MockKafka(DataDirectory(tmp_path), threading.Event())
    kafka.start()
    yield kafka
    go_on(kafka)
    kafka.kill()


def stop(kafka: MockKafka) -> None:
    assert kafka.pid is not None
    freeze(kafka.pid)


def go_on(kafka: MockKafka) -> None:
    assert kafka.pid is not None
    thaw(kafka.pid)


async def raises_in_time(probe: KafkaProbe) -> None:
    started = time.monotonic()
    with pytest.raises(StreamUnavailableError):
        await probe.check()
    assert time.monotonic() - started < 2.5


async def test_topics_are_made_once_and_kept(kafka_bootstrap: str, topic_prefix: str) -> None:
    settings = TopicSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=2)
    made = await create_topics(settings)
    assert made == [topic_prefix + topic.name for topic in TOPICS]
    assert await create_topics(settings) == made


async def test_no_kafka_is_said_in_a_sentence(unused_tcp_port: int) -> None:
    with pytest.raises(
        StreamUnavailableError,
        match="Is it running, and are PATHBOUND_KAFKA_BOOTSTRAP and",
    ):
        await create_topics(TopicSettings(kafka_bootstrap=f"127.0.0.1:{unused_tcp_port}"))


async def test_what_kafka_refuses_is_said_with_its_reason(kafka_bootstrap: str, topic_prefix: str) -> None:
    settings = TopicSettings(kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_replication=3)
    with pytest.raises(StreamUnavailableError, match=r"refused to make the topic .*InvalidReplicationFactor"):
        await create_topics(settings)


async def test_the_probe_tells_a_stopped_broker_and_its_return(mock: MockKafka) -> None:
    probe = KafkaProbe(mock.address)
    try:
        await probe.check()
        stop(mock)
        await raises_in_time(probe)
        await raises_in_time(probe)
        go_on(mock)
        await eventually(lambda: answers(probe), 20, "the probe reaches it again")
    finally:
        await probe.close()


async def test_the_probe_tells_an_absent_broker(unused_tcp_port: int) -> None:
    probe = KafkaProbe(f"127.0.0.1:{unused_tcp_port}")
    await raises_in_time(probe)
    await probe.close()


async def test_on_the_mock_the_relay_publishes_without_transactions_through_a_stop(
    store: MongoStore, mock: MockKafka, topic_prefix: str
) -> None:
    await create_topics(TopicSettings(kafka_bootstrap=mock.address, topic_prefix=topic_prefix))
    settings = RelaySettings(kafka_bootstrap=mock.address, topic_prefix=topic_prefix, relay_transactions=False)
    topic, contact = topic_prefix + CONTACTS_CHANGES, contact_in(1)
    async with running(store.outbox, store.leases, publisher_factory(settings)) as relay:
        await store.outbox.append([record_of(contact, 1, CONTACTS_CHANGES)])
        await eventually(lambda: empty(store), 20, "the first is published")
        stop(mock)
        await store.outbox.append([record_of(contact, 2, CONTACTS_CHANGES)])
        await eventually(lambda: in_trouble(relay), 30, "the relay noticed")
        go_on(mock)
        await eventually(lambda: empty(store), 30, "the second is published")
    assert first_seen(by_contact(await read_committed(mock.address, topic))) == expected([contact], 2)


async def test_the_relay_stops_in_time_with_a_batch_stuck_in_a_stopped_broker(
    store: MongoStore, mock: MockKafka, topic_prefix: str
) -> None:
    await create_topics(TopicSettings(kafka_bootstrap=mock.address, topic_prefix=topic_prefix))
    settings = RelaySettings(kafka_bootstrap=mock.address, topic_prefix=topic_prefix, relay_transactions=False)
    async with running(store.outbox, store.leases, publisher_factory(settings)) as relay:
        await store.outbox.append([record_of(contact_in(1), 1, CONTACTS_CHANGES)])
        await eventually(lambda: empty(store), 20, "the first is published")
        stop(mock)
        for shard in range(SHARDS):
            await store.outbox.append([record_of(contact_in(shard), 1, CONTACTS_CHANGES, b"x" * 1_000_000)])
        assert relay.shards == list(range(SHARDS))
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 8
    assert await store.leases.holders() == {}
    assert await store.outbox.backlog()


async def test_a_publisher_that_never_reached_kafka_stops_at_once(unused_tcp_port: int) -> None:
    publisher = TransactionalPublisher(f"127.0.0.1:{unused_tcp_port}", "id")
    with pytest.raises(StreamUnavailableError):
        await publisher.start()
    started = time.monotonic()
    await publisher.stop()
    await publisher.stop()
    assert time.monotonic() - started < 2


async def answers(probe: KafkaProbe) -> bool:
    try:
        await probe.check()
    except StreamUnavailableError:
        return False
    return True


async def empty(store: MongoStore) -> bool:
    return not await store.outbox.backlog()


async def in_trouble(relay: Relay) -> bool:
    try:
        await relay.check()
    except StreamUnavailableError:
        return True
    except StoreUnavailableError:
        return False
    return False
