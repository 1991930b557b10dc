"""What notes need from a store."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from service.notes.model import Note, NoteQuery


class Notes(Protocol):
    """Notes on contacts."""

    async def insert(self, note: Note) -> None: ...

    async def edit(self, tenant_id: str, contact_id: str, note_id: str, content: str, now: datetime) -> Note | None:
        """The note after the edit; None if that contact has no such note."""
        ...

    async def remove(self, tenant_id: str, contact_id: str, note_id: str) -> Note | None:
        """The note that was removed; None if that contact has no such note."""
        ...

    async def remove_some(self, tenant_id: str, contact_id: str, limit: int) -> int:
        """Of a contact that is gone: remove up to `limit` notes; how many."""
        ...

    def newest(self, query: NoteQuery) -> AsyncIterator[list[Note]]:
        """A contact's notes, newest first, in portions of bounded size."""
        ...
