"""Records as large as a topic allows: none is skipped, none stalls its partition."""

from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer

from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.outcomes import InvalidRecord, Record
from service.clock import system_clock
from tests.integration.test_consumer_runtime import (
    MIB,
    Group,
    Kafka,
    RecordingHandler,
    Sink,
    committed_are,
    group,
    kafka,
)

__all__ = ["group", "kafka"]  # the fixtures


async def test_records_of_every_size_pass_at_once(kafka: Kafka, group: Group) -> None:
    """The fetch limits bound memory, not the size of a record: nothing large is skipped, nothing small waits for it."""
    sink = Sink()
    large = b"x" * (15 * MIB)
    for partition in (0, 1):
        await kafka.send(3, partition=partition)
        await kafka.send(2, large, partition=partition)
        await kafka.send(3, partition=partition)
    group.start(RecordingHandler(sink))
    await committed_are(kafka, {0: 8, 1: 8})
    for partition in (0, 1):
        assert sink.handled[partition] == list(range(8))
        assert [sink.values[partition, offset] for offset in range(8)] == [1, 1, 1, len(large), len(large), 1, 1, 1]


async def test_a_dead_letter_as_large_as_its_topic_allows_does_not_stall(kafka: Kafka, group: Group) -> None:
    class Picky(RecordingHandler):
        async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
            await super().handle(records)
            return [InvalidRecord(record, "poison", "Poison") for record in records if len(record.value or b"") > MIB]

    size = 16 * MIB - 100
    await kafka.send(1, b"x" * size, partition=0)
    await kafka.send(1, partition=0)
    group.start(Picky(Sink()))
    await committed_are(kafka, {0: 2})
    (letter,) = await kafka.dead_letters(1)
    told = dict(letter.headers)
    assert letter.value is None
    assert (told["dlq-omitted"], told["dlq-original-offset"]) == (str(size).encode(), b"0")


async def test_a_dead_letter_that_its_topic_refuses_holds_up_none_behind_it(kafka: Kafka) -> None:
    dead_letters = DeadLetters(kafka.bootstrap, "pathbound.test", system_clock)
    sizes = [10, 16 * MIB - 100, 20]
    records = [Record(kafka.topic, 0, n, b"", b"x" * size, system_clock()) for n, size in enumerate(sizes)]
    await dead_letters.publish([InvalidRecord(record, "poison", "Poison") for record in records])
    await dead_letters.close()
    assert [len(letter.value or b"") for letter in await kafka.dead_letters(3)] == [10, 0, 20]


async def test_keys_and_headers_of_every_size_pass(kafka: Kafka, group: Group) -> None:
    sink = Sink()
    await kafka.send(1, partition=0, key=b"k" * 5 * MIB)
    await kafka.send(1, partition=0, headers=[("h" * MIB, b"v" * 4 * MIB)])
    await kafka.send(1, b"poison", partition=0, key=b"k" * 8 * MIB, headers=[("h", b"v" * 4 * MIB)])
    await kafka.send(1, None, partition=0, key=b"")
    await kafka.send(1, partition=0)
    group.start(RecordingHandler(sink))
    await committed_are(kafka, {0: 5})
    assert sink.handled[0] == list(range(5))
    (letter,) = await kafka.dead_letters(1)
    assert (len(letter.key), letter.value, len(letter.headers[0][1])) == (8 * MIB, b"poison", 4 * MIB)


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_whatever_the_producers_compress_with_is_read(
    kafka_bootstrap: str, kafka: Kafka, group: Group, compression: str
) -> None:
    sink = Sink()
    group.start(RecordingHandler(sink))
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, compression_type=compression)
    await producer.start()
    try:
        await producer.send_and_wait(kafka.topic, b"x" * 10_000, partition=0)
    finally:
        await producer.stop()
    await committed_are(kafka, {0: 1})
    assert sink.values[0, 0] == 10_000
