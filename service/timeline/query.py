"""What is asked of a contact's timeline."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TimelineQuery:
    """A contact's events, newest first or oldest first; `after` is the (timestamp, event_id) to go on behind."""

    tenant_id: str
    contact_id: str
    event: str | None = None
    newest_first: bool = True
    limit: int | None = None
    after: tuple[datetime, str] | None = None
