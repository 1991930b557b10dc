"""Handing records to a producer: in order, and waiting until Kafka has all."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from service.kafka.cloudevents import Encode
from service.outbox.model import OutboxRecord

_TURN = 64


async def send_all(
    producer: AIOKafkaProducer, records: Sequence[OutboxRecord], topic_prefix: str, encode: Encode
) -> None:
    """Hand all over in order, then wait until Kafka has all. Records name topics without the prefix."""
    sent: list[asyncio.Future[Any]] = []
    try:
        for number, record in enumerate(records):
            sent.append(await _send(producer, record, topic_prefix, encode))
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)  # send() rarely waits by itself, and others want their turn
        await asyncio.gather(*sent)
    finally:
        for future in sent:
            if future.done() and not future.cancelled():
                future.exception()  # seen: the first error is the one that is raised
            future.cancel()


async def _send(
    producer: AIOKafkaProducer, record: OutboxRecord, topic_prefix: str, encode: Encode
) -> "asyncio.Future[Any]":
    headers, value = encode(record)
    future: asyncio.Future[Any] = await producer.send(
        f"{topic_prefix}{record.topic}",
        value=value or None,
        key=record.contact_id.encode(),
        headers=[(name, text.encode()) for name, text in headers],
    )
    return future
