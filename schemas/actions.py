"""Actions on the wire."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas.contacts import LifecycleStage, UpdateContact
from schemas.notes import NoteContent
from schemas.texts import PlainText


class ActionType(StrEnum):
    """The actions that are executed here."""

    UPDATE_LIFECYCLE_STAGE = "update_lifecycle_stage"
    UPDATE_CONTACT = "update_contact"
    CREATE_NOTE = "create_note"
    ENRICH_CONTACT = "enrich_contact"


class ActionStatus(StrEnum):
    """What became of an action. Those executed here are completed with their answer, or refused and not kept."""

    COMPLETED = "completed"
    FAILED = "failed"


_STRICT = ConfigDict(extra="forbid", strict=True)
ContactId = Annotated[PlainText, StringConstraints(min_length=1, max_length=64)]
Reason = Annotated[PlainText, StringConstraints(max_length=1024)]


class UpdateLifecycleStage(BaseModel):
    """`params` of update_lifecycle_stage."""

    model_config = _STRICT

    contact_id: ContactId
    # Not strict here: JSON has no enums.
    lifecycle_stage: Annotated[LifecycleStage, Field(strict=False)]
    reason: Reason | None = None


class ChangeContact(UpdateContact):
    """`params` of update_contact: those of `PUT /v1/contacts/:contact_id`, and which contact."""

    contact_id: ContactId
    reason: Reason | None = None


class CreateNote(BaseModel):
    """`params` of create_note."""

    model_config = _STRICT

    contact_id: ContactId
    content: NoteContent
    reason: Reason | None = None


class EnrichContact(UpdateContact):
    """`params` of enrich_contact: what a provider found, merged like an update."""

    contact_id: ContactId
    provider: Annotated[PlainText, StringConstraints(min_length=1, max_length=128)]
    reason: Reason | None = None


class _ActionBase(BaseModel):
    model_config = _STRICT

    description: Annotated[PlainText, StringConstraints(max_length=1024)] | None = None
    identity_id: Annotated[PlainText, StringConstraints(max_length=256)] | None = Field(
        None, description="On whose behalf, as the client names it."
    )
    direct: bool = Field(default=True, description="Actions are always executed at once.")


class UpdateLifecycleStageAction(_ActionBase):
    """Change a contact's stage, and keep why."""

    type: Literal["update_lifecycle_stage"]
    params: UpdateLifecycleStage


class UpdateContactAction(_ActionBase):
    """Update a contact, and keep why."""

    type: Literal["update_contact"]
    params: ChangeContact


class CreateNoteAction(_ActionBase):
    """Write a note."""

    type: Literal["create_note"]
    params: CreateNote


class EnrichContactAction(_ActionBase):
    """Merge what a provider found."""

    type: Literal["enrich_contact"]
    params: EnrichContact


ExecuteAction = Annotated[
    UpdateLifecycleStageAction | UpdateContactAction | CreateNoteAction | EnrichContactAction,
    Field(discriminator="type"),
]


class Action(BaseModel):
    """The action object. Timestamps are ISO 8601 UTC with milliseconds."""

    action_id: str = Field(examples=["act_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    type: ActionType
    params: dict[str, Any]
    status: ActionStatus
    description: str | None
    reason: str | None
    identity_id: str | None
    created_by: str | None = Field(description="The API key id that asked for it.")
    created_at: str
    completed_at: str
    before: dict[str, Any] = Field(description="What it changed, by field, as it was.")
    after: dict[str, Any] = Field(description="The same, as it is since.")
