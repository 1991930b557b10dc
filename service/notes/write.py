"""Write notes. Each change is the contact's: it counts its `sequence`, and neither its version nor its `updated_at`."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from schemas.changes import ChangeType
from service.clock import Clock
from service.contacts.changes import Change, record_changes
from service.contacts.context import Caller, remember
from service.contacts.edit import locked
from service.contacts.locks import ContactLocks
from service.errors import NoteNotFoundError
from service.ids import new_note_id
from service.notes.model import Note
from service.notes.view import note_object
from service.ports import Session, Store


class NoteWriter:
    """The use-cases behind the writing routes. Each raises ContactNotFoundError and StoreError's kinds."""

    def __init__(self, store: Store, locks: ContactLocks, clock: Clock) -> None:
        self._store = store
        self._locks = locks
        self._clock = clock

    async def create(self, caller: Caller, contact_id: str, content: str) -> Note:
        """A new note."""

        async def work(session: Session, now: datetime) -> Note:
            return await add_note(session, caller, contact_id, content, now)

        return await self._in_transaction(caller, contact_id, ChangeType.NOTE_CREATED, work)

    async def edit(self, caller: Caller, contact_id: str, note_id: str, content: str) -> Note:
        """The note with another content. Raises NoteNotFoundError, also for another contact's note."""

        async def work(session: Session, now: datetime) -> Note:
            note = await session.notes.edit(caller.tenant_id, contact_id, note_id, content, now)
            if note is None:
                raise NoteNotFoundError
            return note

        return await self._in_transaction(caller, contact_id, ChangeType.NOTE_UPDATED, work)

    async def delete(self, caller: Caller, contact_id: str, note_id: str) -> None:
        """Remove it. Raises NoteNotFoundError, also for another contact's note."""

        async def work(session: Session, _: datetime) -> Note:
            note = await session.notes.remove(caller.tenant_id, contact_id, note_id)
            if note is None:
                raise NoteNotFoundError
            return note

        await self._in_transaction(caller, contact_id, ChangeType.NOTE_DELETED, work)

    async def _in_transaction(
        self,
        caller: Caller,
        contact_id: str,
        kind: ChangeType,
        write: Callable[[Session, datetime], Awaitable[Note]],
    ) -> Note:
        async with self._locks.hold(contact_id), self._store.session() as session:

            async def work() -> Note:
                now = self._clock()
                contact = await locked(session, caller, contact_id, now)
                note = await write(session, now)
                # `locked` has counted one change already: this one.
                final = replace(contact, sequence=contact.sequence + 1)
                await record_changes(session, caller, final, [note_change(kind, note)])
                await remember(session, caller, note)
                return note

            return await session.transaction(work)


async def add_note(session: Session, caller: Caller, contact_id: str, content: str, now: datetime) -> Note:
    """Within a transaction that has locked the contact."""
    note = Note(new_note_id(), caller.tenant_id, contact_id, content, caller.actor, now, now)
    await session.notes.insert(note)
    return note


def note_change(kind: ChangeType, note: Note) -> Change:
    """What is told of a note: its id to the timeline, all of it to subscribers (unless it is gone)."""
    told = {"note_id": note.note_id}
    return Change(kind, told, told if kind is ChangeType.NOTE_DELETED else {"note": note_object(note)})
