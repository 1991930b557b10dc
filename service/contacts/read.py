"""Read a contact with what belongs beside it."""

from collections.abc import AsyncIterator

from service.contacts.detail import ContactDetail
from service.contacts.model import Contact
from service.errors import ContactNotFoundError
from service.ports import Store
from service.profile.model import Profile
from service.timeline.model import TimelineEvent
from service.timeline.query import TimelineQuery

RECENT_ACTIONS = 10
RECENT_EVENTS = 20


class ContactReader:
    """The use-cases behind the reading routes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def contact(self, tenant_id: str, contact_id: str) -> Contact:
        """Raises ContactNotFoundError."""
        contact = await self._store.contacts.get(tenant_id, contact_id)
        if contact is None:
            raise ContactNotFoundError
        return contact

    async def detail(self, tenant_id: str, contact_id: str) -> ContactDetail:
        """Raises ContactNotFoundError."""
        detail = await self._store.contact_details.get(tenant_id, contact_id, RECENT_ACTIONS, RECENT_EVENTS)
        if detail is None:
            raise ContactNotFoundError
        return detail

    async def profile(self, tenant_id: str, contact_id: str) -> Profile | None:
        """A contact's figures, if it has any."""
        return await self._store.profiles.get(tenant_id, contact_id)

    def recent_events(self, contact: Contact) -> AsyncIterator[list[TimelineEvent]]:
        """Those of its detail, in portions."""
        return self.timeline(TimelineQuery(contact.tenant_id, contact.contact_id, limit=RECENT_EVENTS))

    def timeline(self, query: TimelineQuery) -> AsyncIterator[list[TimelineEvent]]:
        """A contact's events in portions, however many there are."""
        return self._store.events.timeline(query)
