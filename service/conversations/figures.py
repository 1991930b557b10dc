"""The two rules of showing conversations, pure: which copy of a mail stands for all, and a thread's figures.

Whoever stores rows applies them to a contact's rows in the same transaction; readers only read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

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


def figures_of(rows: Iterable[tuple[ConversationRow, Message]]) -> Figures | None:
    """What rows of one thread amount to; a message under several of the contact's addresses counts once. The subject
    is the newest there is: only the first message of an Intercom conversation has one."""
    messages = {row.message_id: (row, message) for row, message in rows}
    ordered = sorted(messages.values(), key=lambda item: (item[0].sent_at, item[0].message_id))
    if not ordered:
        return None
    (first, _), (last, newest) = ordered[0], ordered[-1]
    return Figures(
        message_count=len(ordered),
        first_message_at=first.sent_at,
        last_message_at=last.sent_at,
        last_message_id=last.message_id,
        last_message_direction=last.direction,
        subject=next((message.subject for _, message in reversed(ordered) if message.subject), None),
        snippet=newest.snippet,
        participants=_participants(message for _, message in ordered),
    )


def _participants(messages: Iterable[Message]) -> tuple[Participant, ...]:
    found: dict[str, Participant] = {}
    for message in messages:
        for one in (message.sender, *message.to, *message.cc):
            if one is not None and len(found) < MAX_PARTICIPANTS:
                found.setdefault(one.address or one.name or "", one)
    return tuple(found.values())
