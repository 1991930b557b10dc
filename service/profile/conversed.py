"""A contact's conversations in figures, made from its threads as a whole."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from schemas.events import Source
from service.conversations.model import Direction, Figures, ThreadKey


class ShownThread(NamedTuple):
    """What is needed of a thread in which something is shown."""

    last_at: datetime
    conversation_id: str
    last_direction: Direction
    source: Source
    first_at: datetime


def shown_thread(key: ThreadKey, shown: Figures) -> ShownThread:
    """Of a thread's figures, those that are needed here."""
    return ShownThread(
        shown.last_message_at, key.conversation_id, shown.last_message_direction, key.source, shown.first_message_at
    )


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message that is shown."""

    at: datetime
    direction: Direction
    source: Source


@dataclass(frozen=True, slots=True)
class Conversed:
    """How many threads are shown, by source; when the first message in them was sent, and the last."""

    counts: dict[Source, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last: LastMessage | None = None


def conversed(threads: Iterable[ShownThread]) -> Conversed:
    """The figures over one contact's threads."""
    known = list(threads)
    if not known:
        return Conversed()
    newest = max(known)
    return Conversed(
        counts=dict(sorted(Counter(one.source for one in known).items())),
        first_at=min(one.first_at for one in known),
        last=LastMessage(newest.last_at, newest.last_direction, newest.source),
    )
