"""Producers, and how to get rid of one.

aiokafka's own stop() waits for the broker: for batches that an idempotent producer retries for ever, for a coordinator
that it looks up for ever, for a socket's last bytes. `discard` does not.
"""

import asyncio
import contextlib
import functools
import random
from collections.abc import Coroutine
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from schemas.topics import HEADER_ROOM_BYTES, MAX_RECORD_BYTES
from service.kafka.connection import Broker, client_options, start_client
from service.kafka.refusals import unavailable

REQUEST_TIMEOUT_MS = 9_000
_TRANSACTION_TIMEOUT_MS = 20_000
_BATCH_BYTES = 1024 * 1024

_STOP_SECONDS = 0.5
_HASHES = 50_000
_MAX_REMEMBERED_BYTES = 256
"""Of a key: strangers choose them, and what is kept in mind must stay small."""

_log = structlog.get_logger(__name__)


def make_producer(
    broker: Broker, transactional_id: str | None = None, transaction_timeout_ms: int = _TRANSACTION_TIMEOUT_MS
) -> AIOKafkaProducer:
    """A producer that is not started; transactional if it has an id. End it with `discard`."""
    return AIOKafkaProducer(
        **client_options(broker),
        transactional_id=transactional_id,
        transaction_timeout_ms=transaction_timeout_ms,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        max_batch_size=_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES + HEADER_ROOM_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        partitioner=partition_of_key,
    )


def partition_of_key(key: bytes | None, everyone: list[int], available: list[int]) -> int:
    """aiokafka's own choice (and Java's), with the hash remembered: in pure Python it is a fifth of a send."""
    if key is None:
        return random.choice(available or everyone)  # noqa: S311 - no secret
    hashed = _remembered_hash(key) if len(key) <= _MAX_REMEMBERED_BYTES else murmur2(key)
    return everyone[(hashed & 0x7FFFFFFF) % len(everyone)]


@functools.lru_cache(_HASHES)
def _remembered_hash(key: bytes) -> int:
    hashed: int = murmur2(key)
    return hashed


async def send_one(broker: Broker, topic: str, key: bytes | None, value: bytes) -> tuple[int, int]:
    """Send one record and wait until every broker that must has it: its partition and offset.

    Raises StreamUnavailableError.
    """
    producer = make_producer(broker)
    try:
        await start_client(producer, broker)
        sent = await producer.send_and_wait(topic, value, key=key)
    except KafkaError as error:
        raise unavailable(error, "publish to", topic) from error
    finally:
        await discard(producer, clean=True)
    return sent.partition, sent.offset


async def discard(producer: AIOKafkaProducer, *, clean: bool) -> None:
    """End a producer within about two seconds, whatever state Kafka is in. Never raises.

    `clean`: nothing is under way, so the polite way is tried first. Otherwise what is under way is dropped; a
    transaction is left open, for the successor's InitProducerId (or the broker's timeout) to abort.
    """
    if clean and await _in_time(producer.stop()):
        return
    with contextlib.suppress(AttributeError):  # aiokafka's inside; should it change, this is only less tidy
        await _abandon(producer)
    if not await _in_time(producer.client.close()):
        _log.warning("kafka_producer_not_closed")


async def _in_time(end: Coroutine[Any, Any, None]) -> bool:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await end
    except Exception:  # noqa: BLE001 - whatever killed the sender is raised again here, and nothing is left to do about it
        return False
    return True


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Cancel what the sender does (else it lives on, and may even commit when Kafka is back), and drop the sockets."""
    owners = (producer._sender, producer._message_accumulator)  # noqa: SLF001
    tasks = [task for task in asyncio.all_tasks() if _owner_of(task) in owners]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_SECONDS)
    abort_connections(producer.client)
    producer._closed = True  # noqa: SLF001 - which stop() would have set, after waiting for what never comes
    _forget_transaction(producer)


def abort_connections(client: Any) -> None:
    """Drop an AIOKafkaClient's sockets: its close() would wait until a stopped broker takes the last bytes."""
    for connection in client._conns.values():  # noqa: SLF001
        if connection._writer is not None:  # noqa: SLF001
            connection._writer.transport.abort()  # noqa: SLF001


def _owner_of(task: "asyncio.Task[Any]") -> object:
    """The object whose method the task runs."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    return None if frame is None else frame.f_locals.get("self")


def _forget_transaction(producer: AIOKafkaProducer) -> None:
    """The open transaction's error is nobody's news any more."""
    waiter = producer._txn_manager._transaction_waiter  # noqa: SLF001
    if waiter is not None and waiter.done() and not waiter.cancelled():
        waiter.exception()
