"""The tracker's envelope (camelCase, as the browser sends it): on `tracker.events`, and at `POST /v1/track`."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, field_validator, model_validator
from pydantic_core import PydanticCustomError

from schemas.json_values import UnstorableValueError, check_json
from schemas.tenants import TenantId
from schemas.texts import valid_unicode
from schemas.timestamps import END_MS, EPOCH, FIRST_MS, to_utc_millis

MAX_DATA_NESTING = 50
MAX_TRACKED = 10
MAX_TRACKED_BYTES = 64 * 1024
"""Of an event at `POST /v1/track`, whose keys anybody may read in a page: as much as browsers let a page send when it
is left. A page of a timeline holds up to 100 of them."""
TEXT_IDS = ("visitorId", "sessionId", "external_contact_id", "ga_user_id")
"""The fields that may come as numbers and are kept as text."""


def _text_id(value: Any) -> Any:
    # Some trackers send numeric ids; they are compared as strings everywhere. A boolean is no id.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _instant(value: Any) -> Any:
    """ISO 8601 text, or epoch milliseconds as browsers count; pydantic would guess the unit of a number."""
    if isinstance(value, bool) or (isinstance(value, float) and value != value):
        raise PydanticCustomError("instant", "must be an ISO 8601 time or epoch milliseconds")
    if isinstance(value, int | float):
        if not FIRST_MS <= value < END_MS:
            raise PydanticCustomError("instant", "must lie in the years 1 to 9999")
        return EPOCH + timedelta(milliseconds=value)
    if isinstance(value, str) and value.strip("-+0123456789.") == "":
        raise PydanticCustomError("instant", "must be an ISO 8601 time or epoch milliseconds")
    return value


TextId = Annotated[str, BeforeValidator(_text_id, json_schema_input_type=str | int)]
_Millis = Annotated[float, Field(ge=FIRST_MS, lt=END_MS)]
# A wider form than the `date-time` of JSON Schema: without an offset it is UTC.
_Iso = Annotated[str, Field(json_schema_extra={"format": "iso-8601"})]
Instant = Annotated[datetime, BeforeValidator(_instant, json_schema_input_type=_Iso | _Millis)]
Text = Annotated[str, Field(max_length=65_536)]


class TrackedEvent(BaseModel):
    """One visitor event. Needs `event`; the envelope is ours, so an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", strict=False)

    event: Annotated[str, Field(min_length=1, max_length=256)]
    message_id: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        None, description="Unique per event, if the producer has one; else the event's content identifies it."
    )
    data: dict[str, Any] | None = None
    timestamp: Instant | None = Field(
        None, description="When it happened, by the visitor's clock: ISO 8601, or epoch milliseconds."
    )
    url: Text | None = None
    domain: Text | None = None
    visitorId: TextId | None = None  # noqa: N815 - the wire's spelling
    sessionId: TextId | None = None  # noqa: N815
    external_contact_id: TextId | None = None
    ga_user_id: TextId | None = None
    userAgent: Text | None = None  # noqa: N815
    referrer: Text | None = None
    screenResolution: Text | None = None  # noqa: N815


class TrackerEnvelope(TrackedEvent):
    """The event on the topic, with whose it is."""

    tenant_id: TenantId


class BrowserEvent(TrackedEvent):
    """The event as a browser sends it: the key says whose it is. What no consumer could store is refused here."""

    @field_validator("data")
    @classmethod
    def _storable(cls, data: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            check_json(data, max_depth=MAX_DATA_NESTING)
        except UnstorableValueError as error:
            # The path within is left out: keys of strangers.
            raise PydanticCustomError("unstorable", "holds a value that {reason}", {"reason": error.message}) from None
        return data

    @field_validator(*TEXT_IDS)
    @classmethod
    def _valid_unicode(cls, value: str | None) -> str | None:
        return None if value is None else valid_unicode(value)

    @model_validator(mode="after")
    def _small(self) -> Self:
        if len(self.model_dump_json(exclude_unset=True).encode()) > MAX_TRACKED_BYTES:
            raise PydanticCustomError("size", f"must have at most {MAX_TRACKED_BYTES} bytes as JSON")
        return self

    @field_validator("timestamp")
    @classmethod
    def _in_utc_too(cls, timestamp: datetime | None) -> datetime | None:
        try:
            return None if timestamp is None else to_utc_millis(timestamp)
        except OverflowError:
            raise PydanticCustomError("instant", "must lie in the years 1 to 9999") from None


class TrackBody(BaseModel):
    """Visitor events: all are accepted, or none."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[BrowserEvent], Field(min_length=1, max_length=MAX_TRACKED)]


TRACKER_ENVELOPE: TypeAdapter[TrackerEnvelope] = TypeAdapter(TrackerEnvelope)
