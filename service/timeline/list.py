"""A tenant's events, across contacts."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from schemas.answers import COUNTED_EXACTLY
from service.erasure.hidden import hidden_in
from service.ports import Store
from service.timeline.model import TimelineEvent
from service.timeline.query import EventFilter, EventPageQuery


@dataclass(frozen=True, slots=True)
class EventPage:
    """The query's events: the first of them, and the others in portions of bounded weight, each read when it is asked
    for. `total` is counted up to one more than COUNTED_EXACTLY."""

    first: list[TimelineEvent]
    others: AsyncIterator[list[TimelineEvent]]
    total: int


class EventLister:
    """The use-cases behind the routes under /v1/events."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, query: EventPageQuery, known_total: int | None) -> EventPage:
        """Counts unless the total is known. Raises TooSlowError where the filters leave too much to look through."""
        portions = self._portions(query)
        first = anext(portions)
        if known_total is not None:
            return EventPage(await first, portions, known_total)
        events, total = await asyncio.gather(first, self._store.event_lists.count(query.filter, COUNTED_EXACTLY + 1))
        return EventPage(events, portions, total)

    async def _portions(self, query: EventPageQuery) -> AsyncIterator[list[TimelineEvent]]:
        while True:
            found = await self._store.event_lists.page(query)
            # Read behind them: what begins to be erased in between is hidden.
            hidden = await hidden_in(self._store, query.filter.tenant_id)
            yield hidden.events(found.events)
            if not found.more or len(found.events) == query.limit:
                return
            query = query.after(found.events)
            del found  # not to be held while the next are read

    async def count(self, asked: EventFilter) -> int:
        """How many, exactly. Raises TooSlowError."""
        return await self._store.event_lists.count(asked, None)

    async def names(self, tenant_id: str) -> list[str]:
        """The names of the tenant's events, sorted."""
        return await self._store.event_lists.names(tenant_id)
