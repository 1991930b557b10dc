"""Read notes."""

from collections.abc import AsyncIterator

from service.errors import ContactNotFoundError
from service.notes.model import Note, NoteQuery
from service.ports import Store


class NoteReader:
    """The use-case behind `GET /v1/contacts/:contact_id/notes`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, query: NoteQuery) -> AsyncIterator[list[Note]]:
        """Newest first, in portions of bounded size. Raises ContactNotFoundError at the first."""
        if await self._store.contacts.get(query.tenant_id, query.contact_id) is None:
            raise ContactNotFoundError
        async for portion in self._store.notes.newest(query):
            yield portion
