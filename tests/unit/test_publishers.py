"""A shard's publisher where Kafka answers, and is not there all the same."""

import pytest
from aiokafka.client import AIOKafkaClient

from service.errors import StreamUnavailableError
from service.kafka.publishers import TransactionalPublisher


async def test_a_broker_that_tells_of_no_broker_is_kafka_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that has just started. It ended the relay, since aiokafka only asserts that there is one."""

    async def learns_of_no_broker(_: AIOKafkaClient) -> None:
        """What the metadata without a broker comes to."""

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", learns_of_no_broker)
    publisher = TransactionalPublisher("127.0.0.1:1", "relay.0")
    with pytest.raises(StreamUnavailableError, match="KafkaConnectionError"):
        await publisher.start()
    await publisher.stop()
