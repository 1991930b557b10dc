"""Conversations on the wire. Timestamps are ISO 8601 UTC with milliseconds."""

from typing import Literal

from pydantic import BaseModel, Field

Direction = Literal["inbound", "outbound"]


class Participant(BaseModel):
    """Somebody in a conversation; a mail's header may hold a name without an address, and the other way round."""

    email: str | None = Field(examples=["ada@example.com"])
    name: str | None = Field(examples=["Ada Lovelace"])


class Attachment(BaseModel):
    """Metadata only."""

    filename: str | None
    content_type: str | None
    size: int | None = Field(description="In bytes, as the source says.")


class Message(BaseModel):
    """One message."""

    message_id: str = Field(description="The source's own.")
    direction: Direction
    sender: Participant | None = Field(alias="from")
    to: list[Participant]
    cc: list[Participant]
    sent_at: str
    subject: str | None
    text: str | None
    html: str | None = Field(description="Sanitised: no script, no event handler, no remote load.")
    attachments: list[Attachment]


class Conversation(BaseModel):
    """One thread, as far as it concerns the contact."""

    conversation_id: str
    thread_id: str = Field(description="The source's own.")
    source: Literal["gmail", "intercom"]
    subject: str | None
    snippet: str | None
    state: str | None = Field(description="Intercom's: open, closed, snoozed.")
    participants: list[Participant] = Field(description="At most 100.")
    message_count: int
    first_message_at: str
    last_message_at: str
    last_message_direction: Direction
    messages: list[Message] | None = Field(
        None, description="Only with include_messages=true: the newest, oldest first."
    )


class EmailThread(BaseModel):
    """A Gmail thread, compact. Its ids are those of `mailbox`."""

    thread_id: str
    last_message_id: str
    subject: str | None
    last_message_at: str
    message_count: int
    mailbox: str = Field(examples=["rep@ours.example"])
