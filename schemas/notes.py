"""Notes on the wire."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from schemas.json_values import has_lone_surrogate

MAX_NOTE_LENGTH = 65_536


def _check_content(content: str) -> str:
    # Measured without the white space around it, kept with it: markdown may mean something by it.
    if not 1 <= len(content.strip()) <= MAX_NOTE_LENGTH:
        raise PydanticCustomError("note", f"must have 1 to {MAX_NOTE_LENGTH} characters besides white space around it")
    if len(content) > 2 * MAX_NOTE_LENGTH:
        raise PydanticCustomError("note", "must not be mostly white space")
    if has_lone_surrogate(content):
        raise PydanticCustomError("note", "must be valid Unicode: it contains a lone surrogate")
    return content


NoteContent = Annotated[
    str,
    AfterValidator(_check_content),
    Field(json_schema_extra={"pattern": r"\S", "maxLength": MAX_NOTE_LENGTH}),
]


class WriteNote(BaseModel):
    """The body of note creation and edit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    content: NoteContent = Field(
        description="Note body (markdown); given back exactly.", examples=["Called, **keen**."]
    )


class Note(BaseModel):
    """The note object. Timestamps are ISO 8601 UTC with milliseconds."""

    note_id: str = Field(examples=["nt_01JD8Y5V0K6Y2Q0A7M3E9B4C1D"])
    contact_id: str
    content: str
    created_by: str | None = Field(description="The API key id that wrote it.")
    created_at: str
    updated_at: str
