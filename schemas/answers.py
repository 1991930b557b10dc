"""Success bodies: what each route answers. Errors are in `schemas.errors`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from schemas.actions import Action
from schemas.contacts import Contact, ContactSummary
from schemas.conversations import Conversation, EmailThread
from schemas.events import Event, EventSummary
from schemas.notes import Note
from schemas.profile import UnifiedProfile
from schemas.scopes import Scope

COUNTED_EXACTLY = 100_000
"""Totals of lists are exact up to here; a store counts no further than one more."""


class Success(BaseModel):
    """It was done."""

    status: Literal["success"]


class Pagination(BaseModel):
    """Where this page stands, and how to go on."""

    page: int = Field(examples=[1])
    limit: int = Field(examples=[20])
    total_pages: int = Field(examples=[5])
    total_items: int = Field(description=f"Exact up to {COUNTED_EXACTLY:,}.", examples=[100])
    total_is_lower_bound: bool | None = Field(None, description=f"Only where there are more than {COUNTED_EXACTLY:,}.")
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.", examples=[None])


class CursorPagination(BaseModel):
    """How to go on, where nothing is counted."""

    limit: int = Field(examples=[20])
    next_cursor: str | None = Field(description="The `cursor` of the next page; null on the last.", examples=[None])


class CountAnswer(Success):
    """With `count_only=true`."""

    count: int = Field(description="Exact.", examples=[42])


class ContactAnswer(Success):
    """One contact."""

    contact: Contact


class ContactDetailAnswer(ContactAnswer):
    """One contact with what belongs beside it."""

    unified_profile: UnifiedProfile
    actions: list[Action] = Field(description="The 10 newest.")
    events: list[Event] = Field(description="The 20 newest.")


class ContactPageAnswer(Success):
    """A page of contacts."""

    contacts: list[Contact]
    pagination: Pagination


class ContactSummaryPageAnswer(Success):
    """A page of contacts with `fields=summary`."""

    contacts: list[ContactSummary]
    pagination: Pagination


class ContactListAnswer(RootModel[ContactPageAnswer | ContactSummaryPageAnswer | CountAnswer]):
    """By `fields` and `count_only`."""


class EventsAnswer(Success):
    """Events of a contact."""

    events: list[Event]
    pagination: CursorPagination | None = Field(None, description="Only where `limit` was given.")


class EventPageAnswer(Success):
    """A page of events."""

    events: list[Event]
    pagination: Pagination


class EventSummaryPageAnswer(Success):
    """A page of events with `fields=summary`."""

    events: list[EventSummary]
    pagination: Pagination


class EventListAnswer(RootModel[EventPageAnswer | EventSummaryPageAnswer | CountAnswer]):
    """By `fields` and `count_only`."""


class EventTypesAnswer(Success):
    """The names of events, sorted."""

    event_types: list[str] = Field(examples=[["contact_created", "page_view"]])


class NoteAnswer(Success):
    """One note."""

    note: Note


class NotesAnswer(Success):
    """Notes, newest first."""

    notes: list[Note]
    pagination: CursorPagination | None = Field(None, description="Only where `limit` was given.")


class ConversationsAnswer(Success):
    """Threads, newest first."""

    conversations: list[Conversation]


class EmailThreadsAnswer(Success):
    """Gmail threads, newest first."""

    threads: list[EmailThread]


class ActionAnswer(Success):
    """One action."""

    action: Action


class ActionExecutedAnswer(ActionAnswer):
    """What was done."""

    action_id: str = Field(examples=["act_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    action_summary: str = Field(description="One sentence for a person.")


class ActionPageAnswer(Success):
    """A page of actions, newest first."""

    actions: list[Action]
    pagination: Pagination


class ActionListAnswer(RootModel[ActionPageAnswer | CountAnswer]):
    """By `count_only`."""


class ContactWithProfile(BaseModel):
    """A contact and its unified profile."""

    contact: Contact
    unified_profile: UnifiedProfile


class BatchDetailsAnswer(Success):
    """In the order asked; ids that are not there are left out."""

    contacts: list[ContactWithProfile]


class ContactActivity(BaseModel):
    """A contact's newest events."""

    contact_id: str
    events: list[Event]


class BatchActivityAnswer(Success):
    """In the order asked; ids that are not there are left out."""

    activity: list[ContactActivity]


class AcceptedAnswer(Success):
    """Kafka has it; it is in timelines soon after."""

    accepted: int = Field(description="How many events.", examples=[1])


class IdentifyAnswer(Success):
    """Who it is."""

    contact_id: str | None = Field(description="Null where nobody is known.")
    contact: Contact | None
    created: bool = Field(description="Whether the contact is new.")


class KeyOwner(BaseModel):
    """Whose key it is."""

    tenant_id: str
    name: str = Field(description="The name the key is known by.")


class AuthStatusAnswer(Success):
    """Which key this is, and what it may do."""

    authenticated: bool
    auth_type: Literal["api_key"]
    key_id: str
    scopes: list[Scope]
    user: KeyOwner


class HealthAnswer(Success):
    """All is well, or well enough."""

    degraded: list[str] | None = Field(None, description="What is away, and not needed for this.", examples=[["kafka"]])


class HealthErrorAnswer(BaseModel):
    """Something that is needed does not work."""

    model_config = ConfigDict(json_schema_extra={"description": "The error body, and what failed."})

    status: Literal["error"]
    error: str
    code: str
    request_id: str
    timestamp: str
    failed: list[str] = Field(examples=[["mongodb"]])
