"""Routes of a contact's notes."""

import orjson
from aiohttp import web
from pydantic import Field

from schemas.answers import NoteAnswer, NotesAnswer, Success
from schemas.notes import WriteNote
from schemas.scopes import Scope
from service.api.endpoint import Call, Endpoint, success
from service.api.paging import CursorParameters
from service.api.streaming import begin, end, write_items
from service.notes.model import Note, NoteQuery
from service.notes.view import note_object


class NoteParameters(CursorParameters):
    """The query of the list of notes."""

    limit: int | None = Field(None, ge=1, le=1000, description="At most so many; all of them if left out.")


async def list_notes(call: Call) -> web.StreamResponse:
    """A contact's notes, newest first, streamed: there may be any number."""
    asked: NoteParameters = call.query
    # One more than asked for tells whether there is a next page.
    limit = asked.limit + 1 if asked.limit else None
    query = NoteQuery(call.tenant_id, call.part("contact_id"), limit, asked.moment_position)
    portions = call.use_cases.notes.newest(query)
    first: list[Note] = await anext(portions, [])  # a fault that shows here still gets an error answer
    response = await begin(call.request, b'{"status":"success","notes":[')
    last = await write_items(response, first, portions, note_object, asked.limit)
    behind = (last.created_at, last.note_id) if last else None
    pagination = {"limit": asked.limit, "next_cursor": asked.next_cursor(behind)}
    tail = b',"pagination":' + orjson.dumps(pagination) if asked.limit else b""
    return await end(response, b"]" + tail + b"}")


async def create_note(call: Call) -> web.Response:
    """201 with the note."""
    note = await call.use_cases.write_notes.create(call.caller(_created), call.part("contact_id"), call.body.content)
    return _created(note)


async def edit_note(call: Call) -> web.Response:
    """200 with the note as it is then."""
    contact_id, note_id = call.part("contact_id"), call.part("note_id")
    note = await call.use_cases.write_notes.edit(call.caller(), contact_id, note_id, call.body.content)
    return success(note=note_object(note))


async def delete_note(call: Call) -> web.Response:
    """200 without more."""
    await call.use_cases.write_notes.delete(call.caller(), call.part("contact_id"), call.part("note_id"))
    return success()


def _created(note: Note) -> web.Response:
    return success(201, note=note_object(note))


_ALL = "/v1/contacts/{contact_id}/notes"
_ONE = "/v1/contacts/{contact_id}/notes/{note_id}"

ENDPOINTS = (
    Endpoint(
        "GET",
        _ALL,
        Scope.CONTACTS_READ,
        list_notes,
        "A contact's notes, newest first.",
        query=NoteParameters,
        answer=NotesAnswer,
    ),
    Endpoint(
        "POST",
        _ALL,
        Scope.CONTACTS_WRITE,
        create_note,
        "Write a note.",
        body=WriteNote,
        answer=NoteAnswer,
        status=201,
    ),
    Endpoint("PATCH", _ONE, Scope.CONTACTS_WRITE, edit_note, "Edit a note.", body=WriteNote, answer=NoteAnswer),
    Endpoint("DELETE", _ONE, Scope.CONTACTS_WRITE, delete_note, "Remove a note.", answer=Success),
)
