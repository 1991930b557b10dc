"""Conversations as the core knows them: threads of messages, as one contact sees them.

A message's content is stored once. For each participant's address it has a row, which is linked to a contact like an
event, once and for good. A contact's thread holds figures over that contact's rows only: a Gmail thread tells each
contact of the messages that name it, and nothing of the others.

The same mail in two mailboxes is two messages in two threads. `ConversationRow.shown` marks the one row among a
contact's copies that stands in its conversations; `ConversationRow.visible` all that are neither hidden (SPAM, TRASH,
DRAFT) nor internal (notes).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.events import Source


class Direction(StrEnum):
    """From the contact to us, or from us to the contact."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in a message's header, or the author of an Intercom part."""

    address: str | None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """What is known of an attachment; its bytes are not kept. `size` is in bytes, as the source says."""

    filename: str | None
    content_type: str | None
    size: int | None


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """A thread: `account` is the mailbox, or the Intercom conversation itself; `thread_id` is the source's own.

    `conversation_id` is ours, and one for all contacts in the thread.
    """

    tenant_id: str
    source: Source
    account: str
    thread_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message's content, stored once. `message_id` is the source's own, unique within the account."""

    tenant_id: str
    source: Source
    account: str
    message_id: str
    sent_at: datetime
    sender: Participant | None = None
    to: tuple[Participant, ...] = ()
    cc: tuple[Participant, ...] = ()
    subject: str | None = None
    snippet: str | None = None
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversationRow:
    """A message in the eyes of one participant, who is known by `address`. `row_id` includes the address.

    `contact_id` is None as long as nobody has the address; once set it stays. Rows of one contact with the same `copy`
    are one message to it: a mail's copies in several mailboxes, or one message under several of its addresses. `told`
    is the direction as the row's own message tells it, `direction` that of all copies together.
    """

    row_id: str
    tenant_id: str
    source: Source
    conversation_id: str
    account: str
    message_id: str
    address: str
    copy: str
    sent_at: datetime
    told: Direction
    direction: Direction
    contact_id: str | None = None
    visible: bool = True
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """What some of a contact's rows in a thread amount to; texts are the newest message's."""

    message_count: int
    first_message_at: datetime
    last_message_at: datetime
    last_message_id: str
    last_message_direction: Direction
    subject: str | None
    snippet: str | None
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of one contact. `shown` is over the rows shown in conversations (None: there are none), `mailbox` over
    all visible ones of an e-mail thread, as /email-threads tells them. `state` is Intercom's (`open`, `closed`, …)."""

    key: ThreadKey
    contact_id: str
    shown: Figures | None
    mailbox: Figures | None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as a contact's conversation shows it: `direction` is that of all copies together."""

    direction: Direction
    message: Message = field(repr=False)
