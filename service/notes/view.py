"""Notes as clients see them."""

from typing import Any

from schemas.timestamps import iso_millis
from service.notes.model import Note


def note_object(note: Note) -> dict[str, Any]:
    """The fields of `schemas.notes.Note`, ready for JSON."""
    return {
        "note_id": note.note_id,
        "contact_id": note.contact_id,
        "content": note.content,
        "created_by": note.created_by,
        "created_at": iso_millis(note.created_at),
        "updated_at": iso_millis(note.updated_at),
    }
