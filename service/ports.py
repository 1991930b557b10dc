"""What the core needs from a store, in the core's own words. `service.mongo` is the one that keeps promises.

Reads and writes made through a `Session` are majority reads and writes on the primary, causally after each other
(design, decision 4). Every method raises StoreUnavailableError when MongoDB cannot be used.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from service.access.ports import ApiKeys
from service.actions.ports import Actions
from service.contacts.model import Contact
from service.contacts.ports import ContactDetails, ContactList
from service.conversations.ports import ContactThreads, Conversations, Messages, Rows, SourceThreads, ThreadParts
from service.erasure.ports import Erasures, Marks, Remains, SharedRemains
from service.idempotency.ports import Answers
from service.identity.model import Association, Identity
from service.imports.ports import Imports
from service.intake.ports import WebhookSecrets
from service.ledger.ports import Ledger
from service.notes.ports import Notes
from service.outbox.ports import Leases, Outbox
from service.profile.model import Profile, Totals
from service.profile.ports import ProfileRebuilds, ProfileRecords
from service.redrive.ports import Redrives
from service.timeline.model import Portion, TimelineEvent
from service.timeline.ports import EventLists
from service.timeline.query import TimelineQuery
from service.trace.ports import Traces

T = TypeVar("T")


class Contacts(Protocol):
    """The contacts themselves."""

    async def insert(self, contact: Contact) -> None: ...

    async def insert_many(self, contacts: Sequence[Contact]) -> None: ...

    async def get(self, tenant_id: str, contact_id: str) -> Contact | None: ...

    async def get_many(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, Contact]:
        """Those that there are, by id, in one query."""
        ...

    async def lock(self, tenant_id: str, contact_id: str, now: datetime) -> Contact | None:
        """The first write of a change: count `sequence` up, move `committed_at` on. The contact after that, or None."""
        ...

    async def hold(self, tenant_id: str, contact_id: str, now: datetime, token: str) -> tuple[Contact, datetime] | None:
        """Write the contact without a change that anybody sees, so that its writers conflict, and move its place in the
        outbox's order on: the contact with its last event's time, and that place. None if it is not there.

        `token` must be another one in each transaction that writes the contact.
        """
        ...

    async def replace(self, contact: Contact) -> None:
        """The whole contact, within the transaction that has locked it."""
        ...

    async def replace_many(self, contacts: Sequence[Contact]) -> None:
        """Several whole contacts, within the transaction that has read them: who changed one since then conflicts."""
        ...

    async def bury(self, contact: Contact) -> None:
        """Make it a tombstone: only its ids and `sequence` stay, and what it left behind is to be swept."""
        ...

    async def unswept(self, limit: int) -> list[tuple[str, str]]:
        """Tombstones with something left behind: (tenant, contact)."""
        ...

    async def swept(self, contact_id: str) -> None:
        """Nothing is left behind."""
        ...


class Identities(Protocol):
    """The registry: which contact an identity belongs to."""

    async def associate(self, associations: Sequence[Association], now: datetime) -> None:
        """Give free identities to a contact. Raises DuplicateKeyError if one is taken (the transaction is over)."""
        ...

    async def owners(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        """The contacts of those that have one, in one query."""
        ...

    async def awaited(self, identities: Sequence[Identity]) -> bool:
        """Whether events or messages that have no contact yet wait for any of these."""
        ...

    async def claim(self, identity: Identity, contact_id: str) -> bool:
        """Write the registry document, so that whoever frees the identity conflicts with this transaction.

        False where the identity is not that contact's.
        """
        ...

    async def free(self, identities: Sequence[Identity], contact_id: str) -> None:
        """Take identities from a contact; what is not that contact's stays."""
        ...

    async def free_all(self, tenant_id: str, contact_id: str) -> None:
        """Take all of a contact's identities."""
        ...

    async def fence(self, identities: Sequence[Identity]) -> None:
        """Conflict with whoever gives one of these free identities to a contact right now; nothing else changes.

        Raises DuplicateKeyError if one is taken (the transaction is over).
        """
        ...

    async def finish(self, link_tasks: Sequence[str]) -> None:
        """The tasks' identities have nothing left to link."""
        ...

    async def unfinished(
        self, before: str, limit: int, beyond: str | None = None, behind: str = ""
    ) -> list[Association]:
        """Link tasks whose token sorts before `before`, or behind `beyond`, oldest first; of these, those behind
        `behind`."""
        ...


class Events(Protocol):
    """Timeline events."""

    async def stored(self, event_ids: Sequence[str]) -> dict[str, bool]:
        """Of these ids, those that are stored; the value says whether the event still awaits a contact."""
        ...

    async def get(self, tenant_id: str, event_ids: Sequence[str]) -> list[TimelineEvent]:
        """Those that are stored."""
        ...

    async def insert(self, events: Sequence[TimelineEvent], owners: Mapping[str, str] | None = None) -> None:
        """Store new events, each in the timeline of its contact: its own `contact_id`, or its event id's in `owners`.
        One without a contact awaits one under its identities."""
        ...

    async def awaiting(self, identity: Identity, limit: int) -> Portion:
        """Events that would be linked if the identity had a contact: as many as `limit`, or fewer if they are large.
        Not those that are too large to be linked."""
        ...

    async def link(self, event_ids: Sequence[str], contact_id: str) -> int:
        """Give awaiting events to a contact, for good; how many."""
        ...

    async def put(
        self, tenant_id: str, events: Sequence[TimelineEvent], gone: Sequence[str], *, linked: bool = False
    ) -> None:
        """Contacts' events that follow something else (messages): store them as they are now, and remove those `gone`.

        `linked`: what they follow was stored before its contact was known.
        """
        ...

    async def mark_disputed(self, event_ids: Sequence[str]) -> None:
        """Record in the events' context that their visitor id is another contact's."""
        ...

    def timeline(self, query: TimelineQuery) -> AsyncIterator[list[TimelineEvent]]:
        """A contact's events in order, in portions of bounded size."""
        ...


class Profiles(Protocol):
    """What is known of each contact over all sources."""

    async def add(self, tenant_id: str, totals: Mapping[str, Totals]) -> None:
        """Count newly linked events in, by contact id. Writes each contact's profile, even where nothing changes."""
        ...

    async def converse(self, tenant_id: str, contact_ids: Sequence[str]) -> None:
        """Make the figures of these contacts' conversations anew from their threads. Writes each profile."""
        ...

    async def get(self, tenant_id: str, contact_id: str) -> Profile | None: ...

    async def get_many(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, Profile]:
        """Those that there are, by contact id, in one query."""
        ...

    async def touch(self, tenant_id: str, contact_id: str) -> None:
        """Write the profile without changing it, so that whoever is linking to this contact conflicts."""
        ...

    async def close(self, tenant_id: str, contact_id: str) -> None:
        """The contact is gone: forget its figures, and conflict with whoever is linking to it."""
        ...

    async def remove_rows(self, tenant_id: str, contact_id: str, limit: int) -> int:
        """Of a contact that is gone: remove up to `limit` rows of what was counted once; how many."""
        ...


class Repositories(Protocol):
    """What a transaction works on."""

    @property
    def contacts(self) -> Contacts: ...
    @property
    def contact_list(self) -> ContactList: ...
    @property
    def identities(self) -> Identities: ...
    @property
    def events(self) -> Events: ...
    @property
    def event_lists(self) -> EventLists: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def source_threads(self) -> SourceThreads: ...
    @property
    def rows(self) -> Rows: ...
    @property
    def contact_threads(self) -> ContactThreads: ...
    @property
    def thread_parts(self) -> ThreadParts: ...
    @property
    def profiles(self) -> Profiles: ...
    @property
    def profile_records(self) -> ProfileRecords: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def notes(self) -> Notes: ...
    @property
    def actions(self) -> Actions: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def imports(self) -> Imports: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def erasures(self) -> Erasures: ...
    @property
    def remains(self) -> Remains: ...
    @property
    def shared_remains(self) -> SharedRemains: ...


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
    def contact_details(self) -> ContactDetails: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def api_keys(self) -> ApiKeys: ...
    @property
    def webhook_secrets(self) -> WebhookSecrets: ...
    @property
    def redrives(self) -> Redrives: ...
    @property
    def traces(self) -> Traces: ...
    @property
    def profile_rebuilds(self) -> ProfileRebuilds: ...

    def session(self) -> AbstractAsyncContextManager[Session]: ...

    async def ping(self) -> None:
        """Raises StoreUnavailableError unless a primary takes writes."""
        ...
