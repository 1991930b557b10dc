"""Timeline events as clients see them."""

from typing import Any

from schemas.timestamps import iso_millis
from service.timeline.model import TimelineEvent


def event_object(event: TimelineEvent) -> dict[str, Any]:
    """The fields of `schemas.events.Event`, ready for JSON."""
    return {
        "event_id": event.event_id,
        "_id": event.event_id,
        "event": event.event,
        "source": event.source.value,
        "timestamp": iso_millis(event.timestamp),
        "received_at": iso_millis(event.received_at),
        "url": event.url,
        "domain": event.domain,
        "data": event.data,
        "visitor_id": event.visitor_id,
        "session_id": event.session_id,
        "contact_id": event.contact_id,
    }


def event_summary(event: TimelineEvent) -> dict[str, Any]:
    """The fields of `schemas.events.EventSummary`."""
    return {
        "event_id": event.event_id,
        "event": event.event,
        "source": event.source.value,
        "timestamp": iso_millis(event.timestamp),
        "url": event.url,
        "contact_id": event.contact_id,
    }
