"""A record's time on Kafka is the broker's: our processes' clocks decide on nothing."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import TOPICS, TopicSpec

DAYS = 8 * 24 * 3_600
"""Longer than a topic keeps what it holds, unless it says otherwise."""


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("wrong_by", [-DAYS, 2 * 3_600], ids=["behind", "ahead"])
async def test_a_process_with_a_wrong_clock_publishes_all_the_same(
    kafka_bootstrap: str, topic_prefix: str, init_topics: list[str], topic: TopicSpec, wrong_by: int
) -> None:
    name, told = topic_prefix + topic.name, round((time.time() + wrong_by) * 1000)
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:
        await producer.send_and_wait(name, b"{}", key=b"key", partition=0, timestamp_ms=told)
    async with AIOKafkaConsumer(bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(name, 0)])
        record = await consumer.getone()
    kept_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    assert abs(datetime.now(UTC) - kept_at) < timedelta(minutes=1)
