"""What is asked of a contact's timeline, and of a tenant's events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self

from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class TimelineQuery:
    """A contact's events, newest first or oldest first; `behind` is the (timestamp, event_id) to go on behind."""

    tenant_id: str
    contact_id: str
    event: str | None = None
    newest_first: bool = True
    limit: int | None = None
    behind: tuple[datetime, str] | None = None


class EventOrder(StrEnum):
    """By what a list of events is sorted; the event id breaks ties."""

    TIMESTAMP = "timestamp"
    RECEIVED_AT = "received_at"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which of a tenant's events; what is None (or False) does not filter.

    `after` and `before` bound `timestamp`, both exclusive. `url_contains` and `search` are literal texts that are
    looked for without regard to case, in the URL and in event name, URL, domain, title and subject.
    """

    tenant_id: str
    event: str | None = None
    contact_id: str | None = None
    domain: str | None = None
    url_contains: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    identified_only: bool = False
    search: str | None = None


@dataclass(frozen=True, slots=True)
class EventPageQuery:
    """One page: `limit` events behind `offset` others, or behind the position `behind` (sort value, event id)."""

    filter: EventFilter
    limit: int
    order: EventOrder = EventOrder.TIMESTAMP
    newest_first: bool = True
    offset: int = 0
    behind: tuple[datetime, str] | None = None

    def position_of(self, event: TimelineEvent) -> tuple[datetime, str]:
        """Where an event stands in this order."""
        return event.timestamp if self.order is EventOrder.TIMESTAMP else event.received_at, event.event_id

    def after(self, events: Sequence[TimelineEvent]) -> Self:
        """What is left of the page behind its first events."""
        return replace(self, limit=self.limit - len(events), offset=0, behind=self.position_of(events[-1]))
