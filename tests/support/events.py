"""Synthetic timeline events."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import Source
from service.identity.model import Identity, IdentityKind
from service.timeline.model import TimelineEvent

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def visitor(tenant_id: str, value: str) -> Identity:
    """A visitor id."""
    return Identity(tenant_id, IdentityKind.VISITOR, value)


def external(tenant_id: str, value: str) -> Identity:
    """An external id."""
    return Identity(tenant_id, IdentityKind.EXTERNAL, value)


def page_view(
    tenant_id: str, *identities: Identity, event_id: str | None = None, minute: int = 0, **fields: Any
) -> TimelineEvent:
    """A page view, `minute` minutes into the morning."""
    moment = MORNING + timedelta(minutes=minute)
    return TimelineEvent(
        event_id=event_id or f"evt_{uuid.uuid4().hex}",
        tenant_id=tenant_id,
        event="page_view",
        source=Source.TRACKER,
        timestamp=moment,
        received_at=moment,
        data=fields.pop("data", {"title": f"Page {minute}"}),
        identities=identities,
        visitor_id=next((one.value for one in identities if one.kind is IdentityKind.VISITOR), None),
        url=f"https://www.example.com/{minute}",
        **fields,
    )
