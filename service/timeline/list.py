"""A tenant's events, across contacts."""

import asyncio
from dataclasses import dataclass

from service.erasure.hidden import hidden_in
from service.ports import Store
from service.timeline.model import TimelineEvent
from service.timeline.query import EventFilter, EventPageQuery

COUNTED = 100_001
"""A list counts no further: one more than what is told exactly."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """`total` is counted up to COUNTED; `more` says whether events follow these."""

    events: list[TimelineEvent]
    total: int
    more: bool


class EventLister:
    """The use-cases behind the routes under /v1/events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, query: EventPageQuery, limit: int, known_total: int | None) -> EventPage:
        """The first `limit` of the query's, which asks for one more. Counts unless the total is known.

        Raises TooSlowError where the filters leave too much to look through.
        """
        if known_total is not None:
            events, total = await self._store.event_lists.page(query), known_total
        else:
            events, total = await asyncio.gather(
                self._store.event_lists.page(query), self._store.event_lists.count(query.filter, COUNTED)
            )
        # Read behind the page: what begins to be erased in between is hidden.
        hidden = await hidden_in(self._store, query.filter.tenant_id)
        return EventPage(hidden.events(events[:limit]), total, more=len(events) > limit)

    async def count(self, asked: EventFilter) -> int:
        """How many, exactly. Raises TooSlowError."""
        return await self._store.event_lists.count(asked, None)

    async def names(self, tenant_id: str) -> list[str]:
        """The names of the tenant's events, sorted."""
        return await self._store.event_lists.names(tenant_id)
