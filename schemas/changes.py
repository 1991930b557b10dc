"""What subscribers of `contacts.changes` get: CloudEvents 1.0, one per change, key = contact id.

`schemas/dataschemas/` holds the JSON Schema of each type's `data`, made of the models here and committed. They change
only by addition (`schemas.evolution`): fields and values may come, so a subscriber bears with those it does not know.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.actions import Action
from schemas.contacts import Contact
from schemas.notes import Note

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
"""Of a record in structured mode: the value is the whole CloudEvent."""
DATA_CONTENT_TYPE = "application/json"
"""Of `data`, and so of a record in binary mode, whose headers `ce_…` are the attributes."""
SOURCE = "/pathbound/contacts"

WITHOUT_ACTIVITY = (
    "When it was active is not told: `last_activity_at` is always null, and `first_seen_at` when it was created."
)
CONTACT_SINCE = f"As it is since. {WITHOUT_ACTIVITY}"
REPLAY_HEADER = "replay"
"""On a record that was published again in place: when, ISO 8601. Its id and sequence are the first one's."""


class ChangeType(StrEnum):
    """The CloudEvents `type`."""

    CONTACT_CREATED = "contact.created"
    CONTACT_UPDATED = "contact.updated"
    CONTACT_LIFECYCLE_STAGE_CHANGED = "contact.lifecycle_stage_changed"
    CONTACT_IDENTITY_LINKED = "contact.identity_linked"
    CONTACT_DELETED = "contact.deleted"
    CONTACT_ERASED = "contact.erased"
    NOTE_CREATED = "note.created"
    NOTE_UPDATED = "note.updated"
    NOTE_DELETED = "note.deleted"
    ACTION_COMPLETED = "action.completed"

    @property
    def in_timeline(self) -> str:
        """Its name in the contact's timeline, such as `note_created`."""
        if self is ChangeType.CONTACT_LIFECYCLE_STAGE_CHANGED:
            return "lifecycle_stage_changed"
        return self.value.replace(".", "_")


class CloudEvent(BaseModel):
    """The attributes that every event has."""

    specversion: Literal["1.0"]
    id: str = Field(description="Stable id of this event.", examples=["evt_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    source: Literal["/pathbound/contacts"]
    subject: str = Field(description="The contact id.", examples=["ct_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    time: str = Field(description="When it was committed; ISO 8601 UTC with milliseconds.")
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(description="Names the schema of `data`: its `$id`.")
    tenantid: str = Field(description="The tenant.")


class ChangeEvent(CloudEvent):
    """A CloudEvent. `id` is stable: delivery is at least once, and a repeat carries the same id and `sequence`."""

    type: ChangeType
    sequence: int = Field(description="Gapless per contact: +1 for each event of that contact, from 1.", ge=1)
    traceparent: str = Field(
        description="W3C trace context of the request that made the change; a new one where it had none.",
        examples=["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    )
    requestid: str | None = Field(None, description="The HTTP request that made the change; absent without one.")
    actor: str | None = Field(None, description="The API key id that made the change; absent for a consumer's.")
    data: dict[str, Any]


class ChangedValue(BaseModel):
    """A value that changed; null where there was none, or is none any more."""

    before: Any
    after: Any


class LinkedIdentity(BaseModel):
    """What the contact is known by from now on."""

    kind: str = Field(description="`visitor` or `external`.", examples=["visitor"])
    value: str


class ContactCreated(BaseModel):
    """A contact is new."""

    contact: Contact = Field(description=f"As it is at first. {WITHOUT_ACTIVITY}")


class ContactUpdated(BaseModel):
    """Properties, the address, a company or the enrichment changed."""

    changed: dict[str, ChangedValue] = Field(description="By property or field: only what changed.")
    contact: Contact = Field(description=CONTACT_SINCE)


class LifecycleStageChanged(BaseModel):
    """The lifecycle stage changed. A `contact.updated` with the same change comes before it."""

    before: str | None
    after: str | None
    reason: str | None = Field(description="Why, where an action said so.")
    contact: Contact = Field(description=CONTACT_SINCE)


class IdentityLinked(BaseModel):
    """The contact gained a visitor id or an external id; its history from before joins the timeline."""

    identity: LinkedIdentity
    contact: Contact = Field(description=CONTACT_SINCE)


class ContactDeleted(BaseModel):
    """The contact is gone, and its notes with it. The last event of its sequence."""

    contact_id: str


class ContactErased(BaseModel):
    """Forget all that you know of the contact, its notes and its actions: the person was erased.

    The last event of its sequence. Each earlier one that is published or replayed after the erasure comes as one of
    these too, with the id and the sequence that it always had and nothing else: it may be the first that you get.
    """

    contact_id: str


class NoteWritten(BaseModel):
    """A note is new, or has another content."""

    note: Note


class NoteDeleted(BaseModel):
    """A note is gone."""

    note_id: str


class ActionCompleted(BaseModel):
    """An action was executed. What it changed has events of its own before this one."""

    action: Action


DATA_MODELS: dict[ChangeType, type[BaseModel]] = {
    ChangeType.CONTACT_CREATED: ContactCreated,
    ChangeType.CONTACT_UPDATED: ContactUpdated,
    ChangeType.CONTACT_LIFECYCLE_STAGE_CHANGED: LifecycleStageChanged,
    ChangeType.CONTACT_IDENTITY_LINKED: IdentityLinked,
    ChangeType.CONTACT_DELETED: ContactDeleted,
    ChangeType.CONTACT_ERASED: ContactErased,
    ChangeType.NOTE_CREATED: NoteWritten,
    ChangeType.NOTE_UPDATED: NoteWritten,
    ChangeType.NOTE_DELETED: NoteDeleted,
    ChangeType.ACTION_COMPLETED: ActionCompleted,
}
"""The model of each type's `data`."""


def dataschema_of(change: str) -> str:
    """The identifier of the schema of `data`; a new version is only for what cannot be an addition."""
    return f"urn:pathbound:contacts:{change}:v1"
