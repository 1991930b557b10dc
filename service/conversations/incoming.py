"""What sources say of conversations: facts that come late, repeated, out of order, and partly.

Facts about one thing are joined, and joining them in any order, any of them any number of times, gives the same
(`service.conversations.join`): the greater version of a message's state wins, the greater rank of its content, a
deletion wins over all, and what is known of persons only grows.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.events import Source
from service.conversations.model import Direction, Message, ThreadKey
from service.ledger.model import Receipt
from service.timeline.model import TimelineEvent

Version = tuple[int, int]
"""Compared in order; what the two numbers are is the source's affair."""


class Hidden(StrEnum):
    """Why a message is not shown."""

    DRAFT = "draft"
    SPAM = "spam"
    TRASH = "trash"
    INTERNAL = "internal"
    """A note among colleagues."""


class MessageKey(NamedTuple):
    """A message: `account` is the mailbox, or the Intercom conversation; `message_id` is unique within it."""

    tenant_id: str
    source: Source
    account: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `addresses` are its participants' (lower case, the mailbox's own left out): the message
    belongs to their contacts. `direction` is as the content tells it. `copy` is what a mail's copies in several
    mailboxes share, and nothing else does. Of two contents the one of the greater `rank` is kept: the more complete,
    or the redacted one. Not `dated`: its `sent_at` is no more than when a delivery came, and the next one's is another;
    it says nothing new by that."""

    message: Message
    rank: Version
    direction: Direction
    addresses: tuple[str, ...] = ()
    copy: str | None = None
    dated: bool = True


@dataclass(frozen=True, slots=True)
class MessageState:
    """What may change: whether it is hidden, and a direction that beats the content's (Gmail's SENT). Without a version
    it is a change to whatever state is known when it comes: only those depend on their order."""

    version: Version | None
    hidden: Hidden | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class MessageFact:
    """Something about one message; what is None is not told. `thread` is needed for what has content."""

    key: MessageKey
    thread: ThreadKey | None = None
    content: Content | None = None
    state: MessageState | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ThreadFact:
    """Something about a conversation that belongs to persons whole (Intercom). `state` is its source's word for it, as
    of `version` (0: not told); `persons` are the source's own ids of the people in it."""

    key: ThreadKey
    version: int = 0
    state: str | None = None
    persons: frozenset[str] = frozenset()
    deleted: bool = False


class PersonKey(NamedTuple):
    """A person as the source knows it."""

    tenant_id: str
    source: Source
    person_id: str


@dataclass(frozen=True, slots=True)
class PersonFact:
    """E-mail addresses (lower case) that the source has for a person."""

    key: PersonKey
    emails: frozenset[str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that one record says. `events` are events that are no message (Intercom's tracked ones)."""

    receipt: Receipt
    received_at: datetime
    messages: tuple[MessageFact, ...] = ()
    threads: tuple[ThreadFact, ...] = ()
    persons: tuple[PersonFact, ...] = ()
    events: tuple[TimelineEvent, ...] = ()


def thread_key(tenant_id: str, source: Source, account: str, thread_id: str) -> ThreadKey:
    """The thread, with our own id for it."""
    return ThreadKey(tenant_id, source, account, thread_id, f"cv_{digest(tenant_id, source, account, thread_id)[:32]}")


def digest(*parts: str) -> str:
    """64 hex digits that stand for these parts and no others: their lengths are hashed with them."""
    hashed = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8, "big") + encoded)
    return hashed.hexdigest()
