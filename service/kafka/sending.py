"""Handing records to a producer: in order, and waiting until Kafka has all."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from service.kafka.cloudevents import Encode
from service.outbox.model import OutboxRecord

_TURN = 64


class Outgoing(NamedTuple):
    """A record as a producer takes it; the topic with its prefix. Without a partition, the key chooses one."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int | None = None


def encoded(records: Sequence[OutboxRecord], topic_prefix: str, encode: Encode) -> Iterator[Outgoing]:
    """Records of the outbox, which name topics without the prefix."""
    for record in records:
        headers, value = encode(record)
        topic, key = f"{topic_prefix}{record.topic}", record.contact_id.encode()
        yield Outgoing(topic, key, value or None, [(name, text.encode()) for name, text in headers])


async def send_all(producer: AIOKafkaProducer, records: Iterable[Outgoing]) -> None:
    """Hand all over in order, then wait until Kafka has all. After the first error the others are given up."""
    sent: list[asyncio.Future[Any]] = []
    try:
        for number, (topic, key, value, headers, partition) in enumerate(records):
            sent.append(await producer.send(topic, value=value, key=key, partition=partition, headers=headers))
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)  # send() rarely waits by itself, and others want their turn
        await asyncio.gather(*sent)
    finally:
        for future in sent:
            if future.done() and not future.cancelled():
                future.exception()  # seen: the first error is the one that is raised
            future.cancel()
