"""Sending records of any size, over a Kafka in memory that refuses what it is told to."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OutOfOrderSequenceNumber

from consumers.runtime import sending
from service.kafka.sending import Outgoing
from service.settings import KafkaSettings


class FakeKafka:
    """Two partitions. `errors` are what records of a value meet, one each time, `too_large` what is not even taken;
    `sent` has the value and partition of each other."""

    def __init__(self) -> None:
        self.errors: dict[bytes | None, list[Exception]] = {}
        self.too_large = b"too large"
        self.sent: list[tuple[bytes | None, int | None]] = []

    async def partitions_for(self, _topic: str) -> set[int]:
        return {0, 1}

    async def send(
        self, _topic: str, *, value: bytes | None, partition: int | None, **_more: object
    ) -> "asyncio.Future[int]":
        if value == self.too_large:
            raise MessageSizeTooLargeError
        loop = asyncio.get_running_loop()
        acknowledged: asyncio.Future[int] = loop.create_future()
        if self.errors.get(value):
            loop.call_soon(acknowledged.set_exception, self.errors[value].pop(0))
        else:
            self.sent.append((value, partition))
            loop.call_soon(acknowledged.set_result, len(self.sent))
        return acknowledged


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    kafka = FakeKafka()

    async def nothing(*_args: Any, **_more: Any) -> None:
        return

    monkeypatch.setattr(sending, "make_producer", lambda _: kafka)
    monkeypatch.setattr(sending, "start_client", nothing)
    monkeypatch.setattr(sending, "discard", nothing)
    return kafka


def record_of(value: bytes, partition: int | None = None) -> Outgoing:
    return Outgoing("topic", b"key", value, [], partition)


async def test_what_comes_behind_one_that_kafka_could_not_take_stays_behind_it(kafka: FakeKafka) -> None:
    """Otherwise, sent again later, it would come before what it was behind."""
    kafka.errors = {
        b"large": [MessageSizeTooLargeError(), MessageSizeTooLargeError()],
        b"first": [OutOfOrderSequenceNumber(), KafkaConnectionError()],
        b"second": [OutOfOrderSequenceNumber()],
    }
    answers = await sending.Sender(KafkaSettings()).send([record_of(one) for one in (b"large", b"first", b"second")])
    assert [type(one) for one in answers] == [MessageSizeTooLargeError, KafkaConnectionError, OutOfOrderSequenceNumber]
    assert kafka.sent == []


async def test_a_record_whose_partition_is_no_more_goes_to_any(kafka: FakeKafka) -> None:
    records = [record_of(b"one", 1), record_of(b"other", 2)]
    assert await sending.Sender(KafkaSettings()).send(records) == [1, 2]
    assert kafka.sent == [(b"one", 1), (b"other", None)]


async def test_what_was_handed_over_before_one_that_is_too_large_is_sent_once(kafka: FakeKafka) -> None:
    records = [record_of(one) for one in (b"before", kafka.too_large, b"behind")]
    first, refused, last = await sending.Sender(KafkaSettings()).send(records)
    assert (first, type(refused), last) == (1, MessageSizeTooLargeError, 2)
    assert kafka.sent == [(b"before", None), (b"behind", None)]
