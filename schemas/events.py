"""Timeline events on the wire."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field


class Source(StrEnum):
    """Where a timeline event comes from."""

    TRACKER = "tracker"
    GMAIL = "gmail"
    INTERCOM = "intercom"
    CRM = "crm"


class Event(BaseModel):
    """The event object. Timestamps are ISO 8601 UTC with milliseconds."""

    event_id: str = Field(examples=["evt_4f7a1c"])
    id_alias: str = Field(alias="_id", description="Alias of event_id.")
    event: str = Field(description="Its name.", examples=["page_view"])
    source: Source
    timestamp: str = Field(description="When it happened, as its source says.")
    received_at: str = Field(description="When it reached us.")
    url: str | None
    domain: str | None
    data: dict[str, Any]
    visitor_id: str | None
    session_id: str | None
    contact_id: str | None


class EventSummary(BaseModel):
    """An event in short: `fields=summary`."""

    event_id: str
    event: str
    source: Source
    timestamp: str
    url: str | None
    contact_id: str | None
