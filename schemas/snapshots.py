"""What is on `contacts.snapshot`: a compacted topic whose latest record of a key, the contact id, is the whole contact.

A record without a value is a tombstone: the contact is gone. A new subscriber reads the topic to its end, and has all.
"""

from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.changes import WITHOUT_ACTIVITY, CloudEvent
from schemas.contacts import Contact

SNAPSHOT_TYPE = "contact.snapshot"
GONE_TYPE = "contact.gone"
"""What a tombstone is called, which has no type of its own."""
TENANT_HEADER = "tenantid"
"""On every record of the topic, since a tombstone has no value to say it."""


class SnapshotEvent(CloudEvent):
    """A CloudEvent with a contact as it was after the change that `sequence` counts. A repeat has the same `id`."""

    type: Literal["contact.snapshot"]
    sequence: int = Field(
        description="Of the contact's last event that it includes: go on in contacts.changes from there. 0 before its"
        " first one, as of a contact that was loaded.",
        ge=0,
    )
    data: dict[str, Any]


class ContactSnapshot(BaseModel):
    """A contact as a whole."""

    contact: Contact = Field(description=WITHOUT_ACTIVITY)
