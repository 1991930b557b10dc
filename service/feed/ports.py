"""What reading the feed back needs: from Kafka, and from a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from service.contacts.model import Contact
from service.feed.model import Bounds, Counted, FeedRecord, Kept, RebuildProgress
from service.outbox.model import OutboxRecord


class FeedTopic(Protocol):
    """A topic of the feed, as a `read_committed` subscriber gets it. Its methods raise StreamUnavailableError and
    FeedRequestError."""

    async def bounds(self) -> dict[int, Bounds]:
        """By partition: what is retained, up to the last record as of now (an open transaction's included)."""
        ...

    def read(self, bounds: Mapping[int, Bounds]) -> AsyncIterator[FeedRecord]:
        """Each partition's records in order, up to its bound."""
        ...

    def partition_of(self, contact_id: str, partitions: int) -> int:
        """Where a contact's records are, among so many partitions."""
        ...


class FeedHistory(Protocol):
    """What the database knows of the feed. Raises StoreUnavailableError."""

    async def now(self) -> datetime:
        """The database's clock, which also says when a record was marked as published."""
        ...

    async def retention(self) -> timedelta:
        """How long a published record is kept."""
        ...

    def counted(
        self, tenant_id: str | None, contact_ids: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, Counted]]:
        """Each contact's count, deleted ones included; of one tenant, or (the operator's own view) of all."""
        ...

    async def kept(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, dict[int, Kept]]:
        """What the outbox still has of these contacts' events, by sequence."""
        ...

    def living(self, tenant_id: str | None) -> AsyncIterator[Contact]:
        """Every contact there is; of one tenant, or (the operator's own view) of all."""
        ...

    async def unsettled(self, tenant_id: str, contact_ids: Sequence[str], cut: datetime) -> set[str]:
        """Those of the contacts of which something was not yet marked as published at `cut`."""
        ...

    async def published_ids(
        self, tenant_id: str, start: datetime, end: datetime | None, cut: datetime, limit: int
    ) -> list[tuple[str, datetime]]:
        """Ids and commit times of a tenant's events committed in [start, end), or ever since, and published by `cut`,
        in order."""
        ...

    async def records(self, tenant_id: str, record_ids: Sequence[str]) -> list[OutboxRecord]:
        """Those of the ids that are still there, in the order of the ids."""
        ...


class Rebuilds(Protocol):
    """What a rebuild of the snapshots remembers and asks for. Raises StoreUnavailableError."""

    async def begin(self, tenant_id: str | None) -> RebuildProgress:
        """The progress of the one that was stopped, or of a new one."""
        ...

    async def save(self, tenant_id: str | None, progress: RebuildProgress) -> None: ...

    async def finish(self, tenant_id: str | None) -> None:
        """The next one begins anew."""
        ...

    async def contacts_after(self, tenant_id: str | None, contact_id: str, limit: int) -> list[tuple[str, str]]:
        """Tenant and id of contacts behind this id, by id, at most `limit` and at least one while there is any; of one
        tenant, or (the operator's own view) of all."""
        ...

    async def waiting(self, limit: int) -> int:
        """How many snapshots of rebuilds wait for the relay, counted up to `limit`."""
        ...


class ReplayPublisher(Protocol):
    """Publishes records again."""

    async def check(self, topic: str, like: str) -> None:
        """Raises FeedRequestError unless `topic` is there and has at least as many partitions as `like`."""
        ...

    async def publish(self, topic: str, batches: AsyncIterator[Sequence[OutboxRecord]]) -> int:
        """All of them to the topic, in order, in one Kafka transaction, or none; how many. Whatever `batches` raises
        aborts it.

        Raises StreamUnavailableError, FeedRequestError.
        """
        ...
