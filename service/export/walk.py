"""All contacts or all events of a tenant, in an order that goes on where it was, in portions of bounded size."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from service.contacts.model import Contact
from service.ports import Store
from service.profile.model import Profile
from service.timeline.model import TimelineEvent
from service.timeline.query import EventFilter, EventOrder, EventPageQuery

CONTACTS, EVENTS = 200, 500
"""In a portion."""


class Place(NamedTuple):
    """Behind what a walk goes on."""

    at: datetime
    id: str


class Exporter:
    """The use-cases behind `pathbound export`.

    A walk is no snapshot: each portion is as it is when it is read. What is new comes at the end.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def contacts(
        self, tenant_id: str, behind: Place | None
    ) -> AsyncIterator[list[tuple[Contact, Profile | None]]]:
        """Contacts with their figures, in the order of their creation."""
        while contacts := await self._store.contact_list.oldest(tenant_id, behind, CONTACTS):
            profiles = await self._store.profiles.get_many(tenant_id, [contact.contact_id for contact in contacts])
            yield [(contact, profiles.get(contact.contact_id)) for contact in contacts]
            behind = Place(contacts[-1].created_at, contacts[-1].contact_id)

    async def events(self, tenant_id: str, behind: Place | None) -> AsyncIterator[list[TimelineEvent]]:
        """Events in the order of their arrival; those of nobody known are among them."""
        query = EventPageQuery(
            EventFilter(tenant_id), EVENTS, EventOrder.RECEIVED_AT, newest_first=False, behind=behind
        )
        while events := (await self._store.event_lists.page(query)).events:
            yield events
            query = replace(query, behind=query.position_of(events[-1]))
