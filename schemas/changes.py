"""What subscribers of `contacts.changes` get: CloudEvents 1.0, structured JSON, one per change, key = contact id."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
SOURCE = "/pathbound/contacts"


class ChangeType(StrEnum):
    """The CloudEvents `type`."""

    CONTACT_CREATED = "contact.created"
    CONTACT_UPDATED = "contact.updated"
    CONTACT_LIFECYCLE_STAGE_CHANGED = "contact.lifecycle_stage_changed"
    CONTACT_IDENTITY_LINKED = "contact.identity_linked"
    CONTACT_DELETED = "contact.deleted"
    NOTE_CREATED = "note.created"
    NOTE_UPDATED = "note.updated"
    NOTE_DELETED = "note.deleted"
    ACTION_COMPLETED = "action.completed"


class ChangeEvent(BaseModel):
    """A CloudEvent. `id` is stable: delivery is at least once, and a repeat carries the same id and `sequence`."""

    specversion: str = "1.0"
    id: str = Field(description="Stable id of this change.")
    source: str = SOURCE
    type: ChangeType
    subject: str = Field(description="The contact id.")
    time: str = Field(description="When it was committed; ISO 8601 UTC with milliseconds.")
    datacontenttype: str = "application/json"
    dataschema: str
    tenantid: str
    sequence: int = Field(description="Gapless per contact: +1 for each event of that contact, from 1.")
    requestid: str | None = Field(None, description="The HTTP request, or the record, that caused the change.")
    actor: str | None = Field(None, description="The API key id that made the change.")
    data: dict[str, Any]


def dataschema_of(change: ChangeType, version: int = 1) -> str:
    """The identifier of the schema of `data`; a new version is only ever additive."""
    return f"urn:pathbound:contacts:{change}:v{version}"
