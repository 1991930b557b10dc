"""What is known of a contact over all sources, as figures that can be added up in any order.

`Totals` is what a set of newly linked events adds; adding the totals of any partition of the events, in any order,
gives the same `Profile` (sums, minima, maxima and set unions only). So it equals a rebuild from the stored events.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from schemas.events import Source
from schemas.visitor_ids import MAX_IDENTITY_LENGTH
from service.profile.conversed import Conversed
from service.timeline.model import TimelineEvent

PAGE_VIEW = "page_view"
OF_MESSAGE = "of_message"
"""In the context of a timeline event that stands for a message."""
MAX_DEVICES = 20
"""Devices that a profile names: the first in order, however many are counted."""


class Device(NamedTuple):
    """What a contact was seen with: families of browser and system, and the kind (`desktop`, `mobile`, …)."""

    browser: str
    os: str
    device_type: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Something seen at an instant; the event id breaks ties, so that first and last mean one event."""

    at: datetime
    event_id: str
    value: dict[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Totals:
    """What some events add to one contact's profile."""

    sources: frozenset[str] = frozenset()
    page_views: int = 0
    session_ids: frozenset[str] = frozenset()
    devices: frozenset[Device] = frozenset()
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    last_page: Mark | None = None
    first_referrer: Mark | None = None
    first_utm: Mark | None = None
    last_utm: Mark | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A contact's figures so far."""

    sources: tuple[str, ...] = ()
    page_views: int = 0
    sessions: int = 0
    device_count: int = 0
    devices: tuple[Device, ...] = ()
    """The first MAX_DEVICES, in order."""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    last_page: Mark | None = None
    first_referrer: Mark | None = None
    first_utm: Mark | None = None
    last_utm: Mark | None = None
    conversed: Conversed = field(default_factory=Conversed)


class Seen(NamedTuple):
    """Of a profile, what a list of contacts shows: when the contact was first and last active."""

    first_seen_at: datetime | None
    last_seen_at: datetime | None

    def with_conversed(self, first_at: datetime | None, last_at: datetime | None) -> "Seen":
        """Conversations are activity like any other; None where there is none."""
        if first_at is None or last_at is None:
            return self
        return Seen(_least(self.first_seen_at, first_at), _greatest(self.last_seen_at, last_at))


def with_conversed(profile: Profile, figures: Conversed) -> Profile:
    """The profile of a contact that has conversations too: they are activity like any other."""
    if figures.first_at is None or figures.last is None:
        return profile
    seen = Seen(profile.first_seen_at, profile.last_seen_at).with_conversed(figures.first_at, figures.last.at)
    return replace(
        profile,
        sources=tuple(sorted({*profile.sources, *(source.value for source in figures.counts)})),
        **seen._asdict(),
        conversed=figures,
    )


def totals_of(events: Iterable[TimelineEvent]) -> Totals:
    """What the events add up to. Our own changes (source `crm`) are nobody's activity and add nothing, and those that
    stand for messages are counted with the conversations. A session id longer than any identity is taken for none."""
    seen = [event for event in events if event.source is not Source.CRM and OF_MESSAGE not in event.context]
    if not seen:
        return Totals()
    views = [event for event in seen if event.source is Source.TRACKER and event.event == PAGE_VIEW]
    referred = [event for event in views if event.context.get("referring_domain")]
    tagged = [(event, utm) for event in views if (utm := _utm(event))]
    return Totals(
        sources=frozenset(event.source.value for event in seen),
        page_views=len(views),
        session_ids=frozenset(one for event in seen if (one := event.session_id) and len(one) <= MAX_IDENTITY_LENGTH),
        devices=frozenset(_device(event.context) for event in seen if "device_type" in event.context),
        first_seen_at=min(event.timestamp for event in seen),
        last_seen_at=max(event.timestamp for event in seen),
        last_page=_mark(max(views, key=_when), _page) if views else None,
        first_referrer=_mark(min(referred, key=_when), _referrer) if referred else None,
        first_utm=_utm_mark(min(tagged, key=_tagged_when)) if tagged else None,
        last_utm=_utm_mark(max(tagged, key=_tagged_when)) if tagged else None,
    )


def merge(a: Totals, b: Totals) -> Totals:
    """Commutative and associative; `Totals()` is its neutral element."""
    return Totals(
        sources=a.sources | b.sources,
        page_views=a.page_views + b.page_views,
        session_ids=a.session_ids | b.session_ids,
        devices=a.devices | b.devices,
        first_seen_at=_least(a.first_seen_at, b.first_seen_at),
        last_seen_at=_greatest(a.last_seen_at, b.last_seen_at),
        last_page=_greatest(a.last_page, b.last_page),
        first_referrer=_least(a.first_referrer, b.first_referrer),
        first_utm=_least(a.first_utm, b.first_utm),
        last_utm=_greatest(a.last_utm, b.last_utm),
    )


def _when(event: TimelineEvent) -> tuple[datetime, str]:
    return event.timestamp, event.event_id


def _tagged_when(tagged: tuple[TimelineEvent, dict[str, str]]) -> tuple[datetime, str]:
    return _when(tagged[0])


def _mark(event: TimelineEvent, value_of: Callable[[TimelineEvent], dict[str, Any]]) -> Mark:
    return Mark(event.timestamp, event.event_id, value_of(event))


def _page(event: TimelineEvent) -> dict[str, Any]:
    return {"url": event.url, "title": _text(event.data.get("title"))}


def _referrer(event: TimelineEvent) -> dict[str, Any]:
    return {"referrer": event.context.get("referrer"), "domain": event.context["referring_domain"]}


def _device(context: dict[str, Any]) -> Device:
    return Device(context["browser"], context["os"], context["device_type"], "is_bot" in context)


def _utm_mark(tagged: tuple[TimelineEvent, dict[str, str]]) -> Mark:
    event, utm = tagged
    return Mark(event.timestamp, event.event_id, dict(utm))


def _utm(event: TimelineEvent) -> dict[str, str]:
    """As the tracker sent it, else as the address had it."""
    return utm_of(event.data.get("utmParams")) or utm_of(event.context.get("utm"))


def utm_of(params: Any) -> dict[str, str]:
    """The campaign's three names, as far as they are there."""
    if not isinstance(params, dict):
        return {}
    names = ("utm_source", "utm_medium", "utm_campaign")
    return {name: value for name in names if (value := _text(params.get(name)))}


def _text(value: Any) -> str | None:
    return value[:1024] if isinstance(value, str) else None


def _least(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else min(a, b)


def _greatest(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else max(a, b)
