"""What stands on `intercom.events`: our envelope, which is strict, around Intercom's own objects, read leniently.

Of Intercom's objects only what we use is read, in the shapes of API 1.x and 2.x alike; a field of another type than it
should have is as good as absent (None, or an empty list). Source: contract/sources.md, "Intercom".
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas.tenants import TenantId
from schemas.timestamps import END_MS, EPOCH, read_instant

MAX_ID_LENGTH = 256
NOT_ONE = "not_one"
"""The type of the error for an envelope with both payloads, or none."""

_FIRST_MILLISECOND = 100_000_000_000  # as seconds it would be in the year 5138, as milliseconds it is in 1973
_MAX_DIGITS = 16


def _id(value: Any) -> str | None:
    """Ids are strings, sometimes integers: compared as strings."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**64:
        return str(value)
    return value if isinstance(value, str) and value.strip() and len(value) <= MAX_ID_LENGTH else None


def _moment(value: Any) -> datetime | None:
    """Unix seconds, milliseconds where the number is too large for them, or ISO 8601; after 1970, else None."""
    if isinstance(value, str):
        digits = value.strip()
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS):
            return _iso(value)
        value = int(digits)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    millis = value if value >= _FIRST_MILLISECOND else value * 1000
    # NaN fails both comparisons.
    return EPOCH + timedelta(milliseconds=int(millis)) if 0 < millis < END_MS else None


def _iso(value: str) -> datetime | None:
    try:
        moment = read_instant(value)
    except ValueError:
        return None
    return moment if moment > EPOCH else None


def _only(*types: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        return value if type(value) in types else None

    return check


def _listed(name: str, of: type[BaseModel]) -> BeforeValidator:
    """A list, bare or as `{"type": "….list", name: […]}`; what is no object in it is left out."""

    def unwrap(value: Any) -> list[dict[Any, Any]]:
        found = value.get(name) if isinstance(value, dict) else value
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    return BeforeValidator(unwrap, json_schema_input_type=list[of] | dict[str, Any])  # type: ignore[valid-type]


_object = BeforeValidator(_only(dict))
Id = Annotated[str | None, BeforeValidator(_id, json_schema_input_type=str | int | None)]
Moment = Annotated[datetime | None, BeforeValidator(_moment, json_schema_input_type=str | float | None)]
Text = Annotated[str | None, BeforeValidator(_only(str))]
Flag = Annotated[bool | None, BeforeValidator(_only(bool))]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Text = None


class Person(_Lenient):
    """Anybody: a contact (user, lead), a visitor, an admin, a team, a bot. `id` is Intercom's own."""

    id: Id = None
    name: Text = None
    email: Text = None


class Attachment(_Lenient):
    """Of a part: metadata."""

    name: Text = None
    content_type: Text = None
    filesize: Annotated[int | None, BeforeValidator(_only(int))] = None


class Part(_Lenient):
    """A conversation part. Most are no messages."""

    id: Id = None
    part_type: Text = None
    body: Text = None
    created_at: Moment = None
    updated_at: Moment = None
    author: Annotated[Person | None, _object] = None
    attachments: Annotated[list[Attachment], _listed("attachments", Attachment)] = Field(default_factory=list)
    redacted: Flag = None


class FirstMessage(Part):
    """`source`, in 1.x `conversation_message`: it has no times of its own."""

    subject: Text = None
    delivered_as: Text = None


class Conversation(_Lenient):
    """A conversation, as REST gives it or with only the part that a notification is about."""

    id: Id = None
    conversation_id: Id = Field(None, description="Of a deleted one, which has no `id`.")
    deleted: Flag = None
    created_at: Moment = None
    updated_at: Moment = None
    title: Text = None
    open: Flag = None
    state: Text = None
    snoozed_until: Moment = None
    source: Annotated[FirstMessage | None, _object] = None
    conversation_message: Annotated[FirstMessage | None, _object] = None
    parts: Annotated[list[Part], _listed("conversation_parts", Part)] = Field(
        default_factory=list, alias="conversation_parts"
    )
    user: Annotated[Person | None, _object] = None
    customers: Annotated[list[Person], _listed("customers", Person)] = Field(default_factory=list)
    contacts: Annotated[list[Person], _listed("contacts", Person)] = Field(default_factory=list)
    assignee: Annotated[Person | None, _object] = None


class AttachedModel(_Lenient):
    """The conversation that a contact is attached to, as Intercom keeps it within."""

    id: Id = None


class Attached(AttachedModel):
    """The same, around it."""

    model: Annotated[AttachedModel | None, _object] = None


class Ticket(_Lenient):
    """Its people are all that is read."""

    parts: Annotated[list[Part], _listed("ticket_parts", Part)] = Field(default_factory=list, alias="ticket_parts")


class Item(Conversation):
    """What a notification is about: a conversation, a contact, a tagged contact, an event, …, told by `type`."""

    name: Text = None
    email: Text = None
    contact: Annotated[Person | None, _object] = None
    lead: Annotated[Person | None, _object] = None
    conversation: Annotated[Attached | None, _object] = None
    ticket: Annotated[Ticket | None, _object] = None
    ticket_part: Annotated[Part | None, _object] = None
    event_name: Text = None
    intercom_user_id: Id = None
    user_id: Id = None
    metadata: Annotated[dict[str, Any] | None, _object] = None


class NotificationData(_Lenient):
    """`data` of a notification."""

    item: Annotated[Item | None, _object] = None


class Notification(_Lenient):
    """A webhook's body: `type` is `notification_event`."""

    topic: Text = None
    created_at: Moment = None
    data: Annotated[NotificationData | None, _object] = None


class IntercomEnvelope(BaseModel):
    """A record's value. Ours, so an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")

    tenant_id: TenantId
    notification: Notification | None = Field(None, description="A webhook's body as delivered.")
    conversation: Conversation | None = Field(None, description="A REST conversation object, of a backfill.")

    @model_validator(mode="after")
    def _check_one(self) -> "IntercomEnvelope":
        if (self.notification is None) == (self.conversation is None):
            raise PydanticCustomError(NOT_ONE, "must have exactly one of notification and conversation")
        return self


INTERCOM_ENVELOPE: TypeAdapter[IntercomEnvelope] = TypeAdapter(IntercomEnvelope)
