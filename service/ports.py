"""What the core needs from a store, in the core's own words: the repositories are in each slice's `ports`, and here is
what holds them together. `service.mongo` is the one that keeps promises.

Reads and writes made through a `Session` are majority reads and writes on the primary, causally after each other
(design, decision 4). Every method raises StoreUnavailableError when MongoDB cannot be used.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from service.access.ports import ApiKeys
from service.actions.ports import Actions
from service.contacts.ports import ContactDetails, ContactList, Contacts
from service.conversations.ports import ContactThreads, Conversations, Messages, Rows, SourceThreads, ThreadParts
from service.erasure.ports import Erasures, Marks, Remains, SharedRemains
from service.idempotency.ports import Answers
from service.identity.ports import Identities
from service.imports.ports import Imports
from service.intake.ports import WebhookSecrets
from service.ledger.ports import Ledger
from service.notes.ports import Notes
from service.outbox.ports import Leases, Outbox
from service.profile.ports import ProfileRebuilds, ProfileRecords, Profiles
from service.redrive.ports import Redrives
from service.timeline.ports import EventLists, Events
from service.trace.ports import Traces

T = TypeVar("T")


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
