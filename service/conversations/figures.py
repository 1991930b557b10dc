"""The two rules of showing conversations, pure: which copy of a mail stands for all, and a thread's figures.

Whoever stores rows applies them to a contact's rows in the same transaction; readers only read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.conversations.model import ConversationRow, Direction, Figures, Message, Participant

MAX_PARTICIPANTS = 100
"""A thread names no more; the first in its messages."""


def settle(copies: Sequence[ConversationRow]) -> list[ConversationRow]:
    """One contact's rows of one mail, with `shown` on the visible one of the smallest (mailbox, message id), and all of
    them outbound if any is. Rows under several addresses of the contact are copies like those of several mailboxes.

    Source: contract, "Gmail".
    """
    visible = [row for row in copies if row.visible]
    chosen = min(visible, key=lambda row: (row.account, row.message_id, row.row_id), default=None)
    outbound = any(row.told is Direction.OUTBOUND for row in copies)
    direction = Direction.OUTBOUND if outbound else Direction.INBOUND
    return [replace(row, shown=row is chosen, direction=direction) for row in copies]


Place = tuple[datetime, str]
"""Of a message in its thread: when it was sent, and its id."""

Named = tuple[Place, int, Participant]
"""A participant, and where a message names it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What some rows of a thread amount to, so that it can be put together with what its other rows do. `participants`
    are each with where it is named first, in that order; `subject` is the newest there is: only the first message of an
    Intercom conversation has one."""

    count: int
    first: Place
    last: Place
    last_direction: Direction
    snippet: str | None
    subject: tuple[Place, str] | None
    participants: tuple[Named, ...]


def summary_of(rows: Iterable[tuple[ConversationRow, Message]]) -> Summary | None:
    """None where there are no rows. A message under several of the contact's addresses counts once: all rows of a
    message, or none of them, must be among `rows`."""
    messages = {row.message_id: (row, message) for row, message in rows}
    items = (((row.sent_at, row.message_id), row, message) for row, message in messages.values())
    ordered = sorted(items, key=lambda item: item[0])
    if not ordered:
        return None
    (first, _, _), (last, newest_row, newest) = ordered[0], ordered[-1]
    subjects = ((place, message.subject) for place, _, message in reversed(ordered) if message.subject)
    return Summary(
        count=len(ordered),
        first=first,
        last=last,
        last_direction=newest_row.direction,
        snippet=newest.snippet,
        subject=next(subjects, None),
        participants=_first_named(
            (place, number, one)
            for place, _, message in ordered
            for number, one in enumerate((message.sender, *message.to, *message.cc))
            if one is not None
        ),
    )


def together(summaries: Iterable[Summary | None]) -> Figures | None:
    """The figures of a thread from summaries of all its rows, whatever way they are parted."""
    known = [one for one in summaries if one is not None]
    if not known:
        return None
    newest = max(known, key=lambda one: one.last)
    named = sorted((item for one in known for item in one.participants), key=lambda item: item[:2])
    subjects = [one.subject for one in known if one.subject is not None]
    return Figures(
        message_count=sum(one.count for one in known),
        first_message_at=min(one.first for one in known)[0],
        last_message_at=newest.last[0],
        last_message_id=newest.last[1],
        last_message_direction=newest.last_direction,
        subject=max(subjects)[1] if subjects else None,
        snippet=newest.snippet,
        participants=tuple(one for _, _, one in _first_named(named)),
    )


def _first_named(named: Iterable[Named]) -> tuple[Named, ...]:
    """Of each participant the first, of these the first MAX_PARTICIPANTS."""
    found: dict[str, Named] = {}
    for item in named:
        if len(found) == MAX_PARTICIPANTS:
            break
        found.setdefault(item[2].address or item[2].name or "", item)
    return tuple(found.values())
