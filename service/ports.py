"""What the core needs from a store, in the core's own words. `service.mongo` is the one that keeps promises.

Reads and writes made through a `Session` are majority reads and writes on the primary, causally after each other
(design, decision 4). Every method raises StoreUnavailableError when MongoDB cannot be used.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from service.access.model import ApiKey
from service.contacts.model import Contact
from service.identity.model import Association, Identity
from service.outbox.model import OutboxRecord
from service.profile.model import Profile, Totals
from service.timeline.model import TimelineEvent
from service.timeline.query import TimelineQuery

T = TypeVar("T")


class Contacts(Protocol):
    """The contacts themselves."""

    async def insert(self, contact: Contact) -> None: ...

    async def get(self, tenant_id: str, contact_id: str) -> Contact | None: ...

    async def add_visitor(self, tenant_id: str, contact_id: str, visitor_id: str, now: datetime) -> Contact | None:
        """Add the id, count `version` and `sequence` up; the contact after that, or None if it is not there."""
        ...


class Identities(Protocol):
    """The registry: which contact an identity belongs to."""

    async def associate(self, associations: Sequence[Association], now: datetime) -> None:
        """Give free identities to a contact. Raises DuplicateKeyError if one is taken (the transaction is over)."""
        ...

    async def owners(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        """The contacts of those that have one, in one query."""
        ...

    async def claim(self, identity: Identity, contact_id: str) -> bool:
        """Write the registry document, so that whoever frees the identity conflicts with this transaction.

        False where the identity is not that contact's.
        """
        ...

    async def finish(self, link_tasks: Sequence[str]) -> None:
        """The tasks' identities have nothing left to link."""
        ...

    async def unfinished(self, before: str, limit: int) -> list[Association]:
        """Link tasks whose token sorts before `before`, oldest first."""
        ...


class Events(Protocol):
    """Timeline events."""

    async def stored(self, event_ids: Sequence[str]) -> dict[str, bool]:
        """Of these ids, those that are stored; the value says whether the event still awaits a contact."""
        ...

    async def insert(self, events: Sequence[TimelineEvent]) -> None:
        """Store new events. One without `contact_id` awaits a contact under its identities."""
        ...

    async def awaiting(self, identity: Identity, limit: int) -> list[TimelineEvent]:
        """Events that would be linked if the identity had a contact, as many as `limit`."""
        ...

    async def any_awaiting(self, identities: Sequence[Identity]) -> bool:
        """Whether any of the identities has such events."""
        ...

    async def link(self, event_ids: Sequence[str], contact_id: str) -> int:
        """Give awaiting events to a contact, for good; how many."""
        ...

    def timeline(self, query: TimelineQuery) -> AsyncIterator[list[TimelineEvent]]:
        """A contact's events in order, in portions of bounded size."""
        ...


class Profiles(Protocol):
    """What is known of each contact over all sources."""

    async def add(self, tenant_id: str, totals: Mapping[str, Totals]) -> None:
        """Count newly linked events in, by contact id. Writes each contact's profile, even where nothing changes."""
        ...

    async def get(self, tenant_id: str, contact_id: str) -> Profile | None: ...


class Outbox(Protocol):
    """What waits to be published, and what was."""

    async def append(self, record: OutboxRecord) -> None: ...

    async def unpublished(self, shard: int, limit: int) -> list[OutboxRecord]:
        """The shard's oldest, in order (see OutboxRecord)."""
        ...

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        """Kafka has them. From now on the retention runs."""
        ...

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        """By shard: how many wait (counted up to 100,000), and since when the oldest does."""
        ...

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


class ApiKeys(Protocol):
    """API keys, by id; only hashes of their secrets."""

    async def insert(self, key: ApiKey) -> None: ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def of_tenant(self, tenant_id: str | None) -> list[ApiKey]: ...

    async def revoke(self, key_id: str, now: datetime) -> bool:
        """False if there is no such key."""
        ...


class Repositories(Protocol):
    """What a transaction works on."""

    @property
    def contacts(self) -> Contacts: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def events(self) -> Events: ...
    @property
    def profiles(self) -> Profiles: ...
    @property
    def outbox(self) -> Outbox: ...


class Session(Repositories, Protocol):
    """Reads and writes that see one another in order."""

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` until it commits (w=majority, j=true); what it raises aborts and is raised.

        `work` runs again after a write conflict, so it must do nothing but use this session. Raises ContendedError
        past the deadline.
        """
        ...


class Store(Repositories, Protocol):
    """The store outside any session: single reads and writes."""

    @property
    def leases(self) -> Leases: ...
    @property
    def api_keys(self) -> ApiKeys: ...

    def session(self) -> AbstractAsyncContextManager[Session]: ...

    async def ping(self) -> None:
        """Raises StoreUnavailableError unless a primary takes writes."""
        ...
