"""Notes as the core knows them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A free-form note on a contact; `content` is markdown, kept as it was given."""

    note_id: str
    tenant_id: str
    contact_id: str
    content: str
    created_by: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NoteQuery:
    """A contact's notes, newest first; `behind` is the (created_at, note_id) to go on behind."""

    tenant_id: str
    contact_id: str
    limit: int | None = None
    behind: tuple[datetime, str] | None = None
