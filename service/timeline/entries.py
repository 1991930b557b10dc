"""What `contacts.timeline` is told of an event that entered a contact's timeline."""

from datetime import datetime
from typing import Any

from schemas.changes import CONTENT_TYPE
from schemas.timeline import TIMELINE_TYPE
from schemas.timestamps import iso_millis
from schemas.topics import CONTACTS_TIMELINE, MAX_RECORD_BYTES
from service.outbox.envelope import envelope
from service.outbox.model import OutboxRecord
from service.timeline.model import TimelineEvent
from service.timeline.view import event_object

_ROOM_BYTES = 64 * 1024
"""Of a record: for its key, its headers and what Kafka puts around it."""
_SHORT: dict[str, Any] = {"data": {}, "url": None, "visitor_id": None, "session_id": None}


def timeline_entry(event: TimelineEvent, contact_id: str, entered_at: datetime, *, linked_later: bool) -> OutboxRecord:
    """The record; the same to the byte whenever it is made of the same. Its `record_id` is the event's id.

    JSON may take more room than the record that an event came in, and what never fits would stall its shard: of such
    an event what may be of any length is left out.
    """
    told = event_object(event)
    value = _cloud_event(event, contact_id, entered_at, {"event": told, "linked_later": linked_later})
    if len(value) > MAX_RECORD_BYTES - _ROOM_BYTES:
        short = {"event": {**told, **_SHORT}, "linked_later": linked_later, "shortened": True}
        value = _cloud_event(event, contact_id, entered_at, short)
    return OutboxRecord(
        record_id=event.event_id,
        tenant_id=event.tenant_id,
        contact_id=contact_id,
        sequence=0,
        topic=CONTACTS_TIMELINE,
        value=value,
        headers=(("content-type", CONTENT_TYPE),),
        committed_at=entered_at,
    )


def _cloud_event(event: TimelineEvent, contact_id: str, entered_at: datetime, data: dict[str, Any]) -> bytes:
    event_id, time = f"{event.event_id}.{contact_id}", iso_millis(entered_at)
    return envelope(event_id, TIMELINE_TYPE, event.tenant_id, contact_id, time, {"shortened": False, **data})
