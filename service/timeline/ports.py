"""What lists of events need from a store."""

from collections.abc import Sequence
from typing import Protocol

from service.timeline.model import Portion, TimelineEvent
from service.timeline.query import EventFilter, EventPageQuery


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
