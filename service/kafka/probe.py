"""Whether Kafka answers."""

import asyncio
import contextlib
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from service.errors import StreamUnavailableError
from service.kafka.connection import Broker, client_options, raise_refusal
from service.kafka.producers import abort_connections

_BOUND_SECONDS = 1.5
_KNOWN_NODE_SECONDS = 0.6
_REQUEST_TIMEOUT_MS = 400


class KafkaProbe:
    """Asks for the cluster's metadata (no topic's: a few bytes) over one connection that is kept."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._client: AIOKafkaClient | None = None
        self._node: int | None = None
        self._asking: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raises StreamUnavailableError unless a broker answers within 1.5 s (0.4 s to connect to an address).

        Calls at one time share one question.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._drop()

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_BOUND_SECONDS):
                if not await self._known_node_answers():
                    await self._drop()
                    await self._connect()
        except (KafkaError, OSError, TimeoutError) as error:
            raise StreamUnavailableError("Kafka does not answer") from error

    async def _known_node_answers(self) -> bool:
        if self._client is None or self._node is None:
            return False
        try:
            async with asyncio.timeout(_KNOWN_NODE_SECONDS):
                await self._client.send(self._node, MetadataRequest([]))
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def _connect(self) -> None:
        """A new client; its bootstrap asks each address in turn until one answers."""
        client = AIOKafkaClient(**client_options(self._broker), request_timeout_ms=_REQUEST_TIMEOUT_MS)
        self._client = client
        try:
            await client.bootstrap()
        except KafkaConnectionError as error:
            await raise_refusal(self._broker, error)
            raise
        self._node = client.get_random_node()

    async def _drop(self) -> None:
        client, self._client, self._node = self._client, None, None
        if client is not None:
            await close_client(client)


async def close_client(client: Any) -> None:
    """Close an AIOKafkaClient within half a second, though a broker that has stopped takes none of its last bytes."""
    with contextlib.suppress(AttributeError):  # aiokafka's inside; should it change, this is only less tidy
        abort_connections(client)
    with contextlib.suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(0.5):
            await client.close()
