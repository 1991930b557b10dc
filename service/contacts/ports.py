"""What lists of contacts need from a store."""

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
