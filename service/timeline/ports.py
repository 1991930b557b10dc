"""What timelines need from a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from service.identity.model import Identity
from service.timeline.model import Portion, TimelineEvent
from service.timeline.query import EventFilter, EventPageQuery, TimelineQuery


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


class EventLists(Protocol):
    """Events across a tenant's contacts. Raises TooSlowError where a filter leaves too much to look through."""

    async def page(self, query: EventPageQuery) -> Portion:
        """The events, in order: all, or the first of them, if together they are too heavy to be held at once."""
        ...

    async def count(self, asked: EventFilter, at_most: int | None) -> int:
        """How many match, counted up to `at_most`."""
        ...

    async def names(self, tenant_id: str) -> list[str]:
        """The distinct names, sorted."""
        ...

    async def newest_of_each(
        self, tenant_id: str, contact_ids: Sequence[str], limit: int
    ) -> dict[str, list[TimelineEvent]] | None:
        """Up to `limit` newest events of each contact that has any, newest first, in one round trip. None if together
        they are too heavy to be held at once."""
        ...
