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


class Device(BaseModel):
    """What a contact was seen with, as its user agent says; `Other` is what nobody knows."""

    browser: str = Field(description="Family.", examples=["Chrome Mobile"])
    os: str = Field(description="Family.", examples=["Android"])
    device_type: str = Field(description="`desktop`, `mobile`, `tablet`, `tv`, `console`, `wearable` or `other`.")
    is_bot: bool = Field(description="A crawler's, or another program's.")


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
    device_count: int = Field(description="Different devices, robots included.")
    devices: list[Device] = Field(description="The first 20 of them, by browser, system and type.")
    last_page: Seen | None
    first_referrer: Seen | None
    first_utm: Seen | None
    last_utm: Seen | None
    conversations: dict[Source, int] = Field(description="How many conversations there are, by source.")
    last_message: LastMessage | None
