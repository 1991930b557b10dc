"""What contacts need from a store."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from service.contacts.detail import ContactDetail
from service.contacts.model import Contact
from service.contacts.query import ContactFilter, ContactQuery, FoundContacts


class ContactPlace(NamedTuple):
    """Where a contact stands in a walk over all."""

    tenant_id: str
    created_at: datetime
    contact_id: str


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


class ContactDetails(Protocol):
    """What is shown of one contact."""

    async def get(self, tenant_id: str, contact_id: str, actions: int, events: int) -> ContactDetail | None:
        """The contact with its figures and its newest actions and events, so many of each at most; in one query."""
        ...


class ContactList(Protocol):
    """A tenant's contacts, many at once. Raises TooSlowError where a filter leaves too much to look through."""

    async def page(self, query: ContactQuery, count_to: int | None, known_total: int = 0) -> FoundContacts:
        """The contacts in order, and when each was active; and how many match, counted up to `count_to` (None: not at
        all).

        `known_total` is how many matched when somebody last counted: a hint, which saves looking for the best way.
        """
        ...

    async def count(self, asked: ContactFilter) -> int:
        """How many match, exactly."""
        ...

    async def oldest(self, tenant_id: str, behind: tuple[datetime, str] | None, limit: int) -> list[Contact]:
        """The next contacts of a tenant in the order of their creation, behind a (created_at, contact_id)."""
        ...

    async def walk(self, tenant_id: str | None, behind: ContactPlace | None, limit: int) -> list[ContactPlace]:
        """The next contacts of a tenant (None: of all, one tenant after the other), the newest first."""
        ...
