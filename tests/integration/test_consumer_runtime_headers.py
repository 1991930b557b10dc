"""Headers whose names are not UTF-8: the record is handled or put aside like any other, and so are its neighbours."""

import pytest
from aiokafka import AIOKafkaProducer

from tests.integration.test_consumer_runtime import (
    Group,
    Kafka,
    RecordingHandler,
    Sink,
    committed_are,
    group,
    kafka,
)
from tests.support.odd_headers import send_batch

__all__ = ["group", "kafka"]  # the fixtures

ODD = (b"tr\xff\xc3ace", b"7")


@pytest.mark.parametrize("compression", [None, "gzip", "zstd"])
async def test_no_name_of_a_header_stops_a_partition(
    kafka_bootstrap: str, kafka: Kafka, group: Group, compression: str | None
) -> None:
    sink = Sink()
    await kafka.send(20, partition=1)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, compression_type=compression)
    await producer.start()
    try:
        plain, odd, poison = (b"v", [(b"x-request-id", b"req_1")]), (b"odd", [ODD, (b"b", b"")]), (b"poison", [ODD])
        await send_batch(producer, kafka.topic, 0, [plain, plain, odd, plain, poison, plain])
        await send_batch(producer, kafka.topic, 0, [odd])
    finally:
        await producer.stop()
    await kafka.send(3, partition=0)
    group.start(RecordingHandler(sink))

    await committed_are(kafka, {0: 10, 1: 20})
    assert sink.handled == {0: list(range(10)), 1: list(range(20))}
    (letter,) = await kafka.dead_letters(1)
    assert (letter.key, letter.value) == (b"k", b"poison")
    assert letter.headers[0] == ("tr\\xff\\xc3ace", b"7")
