"""What the relay publishes through. `service.kafka` has the ones that do."""

from collections.abc import Callable, Sequence
from typing import Protocol

from service.errors import StreamUnavailableError
from service.outbox.model import OutboxRecord


class PublisherFencedError(StreamUnavailableError):
    """Another publisher of this shard started after this one: this one's turn is over."""


class Publisher(Protocol):
    """Publishes one shard. After any error it is of no more use: stop it and make another."""

    async def start(self) -> None:
        """Become the shard's only publisher: whatever a predecessor has not committed, it never will.

        Raises StreamUnavailableError.
        """
        ...

    async def publish(self, records: Sequence[OutboxRecord]) -> None:
        """Publish all, in this order per contact, or none. On return Kafka has them.

        Raises PublisherFencedError, or StreamUnavailableError (whether Kafka has them is then unknown).
        """
        ...

    async def stop(self) -> None:
        """Let go of everything, in bounded time and without an error, even with Kafka away. May be called twice."""
        ...


PublisherFactory = Callable[[int], Publisher]
"""A shard's publisher, not started."""
