"""The doors for sources where Kafka is slow."""

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from schemas.topics import TRACKER_EVENTS
from service.errors import StreamUnavailableError
from service.intake.model import InboundRecord
from service.kafka.intake import KafkaInboundPublisher
from tests.support.relay import read_committed
from tests.support.waiting import eventually

ANSWER_MS = 400


@pytest.fixture
def slow_kafka() -> Iterator[str]:
    """The address of a mock of Kafka that takes its time for each answer."""
    mock = Producer({"test.mock.num.brokers": 1, "test.mock.broker.rtt": ANSWER_MS, "bootstrap.servers": "mock"})
    [broker] = mock.list_topics(timeout=30).brokers.values()
    yield f"{broker.host}:{broker.port}"
    mock.flush(0)  # it was there as long as somebody held it


async def test_a_slow_kafka_gets_records_though_requests_gave_up_before_it_had_answered(slow_kafka: str) -> None:
    """It takes longer to come to the first record than a request may wait."""
    publisher = KafkaInboundPublisher(slow_kafka, publish_seconds=3 * ANSWER_MS / 1000)
    numbers = iter(range(1_000))

    async def taken() -> bool:
        try:
            await publisher.publish([InboundRecord(TRACKER_EVENTS, b"v-1", b"%d" % next(numbers))])
        except StreamUnavailableError:
            return False
        return True

    assert not await taken(), "the time is too short for the first one"
    await eventually(taken, 20, "Kafka has one")
    assert all(await asyncio.gather(*(taken() for _ in range(20)))), "and goes on"
    await publisher.close()
    found = [int(record.value or b"") for record in await read_committed(slow_kafka, TRACKER_EVENTS)]
    assert found[-20:] == sorted(found)[-20:], "in order"
    assert len(found) == len(set(found)), "each once"
