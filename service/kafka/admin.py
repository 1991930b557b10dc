"""Kafka's admin client: opened, asked within a time, and closed, whatever state Kafka is in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service.kafka.connection import Broker, client_options, start_client

BOUND_SECONDS = 30.0
REQUEST_TIMEOUT_MS = 10_000
_CLOSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_admin(
    broker: Broker, seconds: float = BOUND_SECONDS, request_timeout_ms: int = REQUEST_TIMEOUT_MS
) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client, for so many seconds, its start included. Raises TimeoutError, StreamRefusedError where Kafka refuses
    us, and else what the client raises (KafkaError, OSError)."""
    admin = AIOKafkaAdminClient(**client_options(broker), request_timeout_ms=request_timeout_ms)
    try:
        async with asyncio.timeout(seconds):
            await start_client(admin, broker)
            yield admin
    finally:
        await _close(admin)


async def _close(admin: AIOKafkaAdminClient) -> None:
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await admin.close()
    except (TimeoutError, KafkaError, OSError):
        _log.warning("kafka_admin_not_closed")
