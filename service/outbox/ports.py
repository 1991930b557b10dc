"""What the relay needs from a store."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from service.outbox.model import OutboxRecord


class Queue(Protocol):
    """What waits to be published, by shard."""

    async def unpublished(self, shard: int, limit: int) -> list[OutboxRecord]:
        """The shard's oldest, in order (see OutboxRecord)."""
        ...

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        """Kafka has them."""
        ...

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        """By shard: how many wait (counted up to 100,000), and since when the oldest does."""
        ...


class Outbox(Queue, Protocol):
    """What waits to be published, and what was: from its publication on the retention runs."""

    async def append(self, records: Sequence[OutboxRecord]) -> None: ...

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[int]]:
        """The shards of records as they are committed (a change stream). It only wakes: `unpublished` is the truth."""
        ...


class Leases(Protocol):
    """Who publishes which shard. Times are the database's, so that machines' clocks do not matter."""

    async def heartbeat(self, holder: str, seconds: float) -> int:
        """Say that the holder is alive for that long; how many holders are."""
        ...

    async def acquire(self, shard: int, holder: str, seconds: float) -> bool:
        """Take or renew a shard's lease; False if another holds it."""
        ...

    async def release(self, shard: int, holder: str) -> None:
        """Give a lease back at once."""
        ...

    async def depart(self, holder: str) -> None:
        """The holder is no longer alive."""
        ...

    async def holders(self) -> dict[int, str]:
        """The live leases."""
        ...
