"""What is on `contacts.timeline`: each event that entered a contact's timeline, from every source; key = contact id.

It has no sequence: an event is told of once its contact is known, which may be long after it happened.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.changes import CloudEvent
from schemas.events import Event

TIMELINE_TYPE = "timeline.event_added"


class TimelineEntryEvent(CloudEvent):
    """A CloudEvent with an event that entered its subject's timeline. `id` is made of the event's id and the contact's:
    delivery is at least once, and a repeat carries the same. `time` is to the second."""

    type: Literal["timeline.event_added"]
    data: dict[str, Any]


class TimelineEntry(BaseModel):
    """An event entered the contact's timeline."""

    event: Event
    linked_later: bool = Field(
        description="It was stored before its contact was known, and joined the timeline when that was."
    )
    shortened: bool = Field(
        description="The event is too large for a record: its `data` is empty here, its `url`, `visitor_id` and"
        " `session_id` are null, and all are whole in the API."
    )
