"""The unified profile on the wire: one view of a contact over all sources."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from schemas.events import Source


class Seen(BaseModel):
    """Something seen at an instant (ISO 8601 UTC)."""

    at: str
    value: dict[str, Any]


class LastMessage(BaseModel):
    """The newest message in the contact's conversations."""

    at: str
    direction: Literal["inbound", "outbound"]
    source: Source


class UnifiedProfile(BaseModel):
    """What all sources say of a contact together."""

    name: str | None
    email: str
    company: str | None
    job_title: str | None
    location: str | None
    linkedin_url: str | None
    lifecycle_stage: str | None
    sources: list[str] = Field(description="Sources that the contact was seen in; our own changes do not count.")
    first_seen_at: str | None
    last_seen_at: str | None
    sessions: int
    page_views: int
    last_page: Seen | None
    first_referrer: Seen | None
    first_utm: Seen | None
    last_utm: Seen | None
    conversations: dict[Source, int] = Field(description="How many conversations there are, by source.")
    last_message: LastMessage | None
