"""What a contact sees, made anew from its rows: which copy is shown, threads, timeline events, figures of the profile.

It is a pure function of the rows and messages that are stored, so it is the same whatever happened in whatever order.
Every refresh writes the contact's profile: two transactions that touch one contact conflict, and the later sees all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.events import Source
from service.conversations.figures import figures_of, settle
from service.conversations.incoming import MessageKey
from service.conversations.join import MessageRecord
from service.conversations.model import ConversationRow, Message, Thread, ThreadKey
from service.conversations.rows import event_id, event_of_row
from service.ports import Session
from service.timeline.model import TimelineEvent

Pair = tuple[str, str]
"""A contact, and a conversation or a copy."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What contacts see of some conversations. `moved` are rows that are stored with another copy shown, or another
    direction; `threads` all that there is to see of `pairs`; `events` those of shown messages, `gone` the ids of those
    of which nothing is shown."""

    pairs: frozenset[Pair]
    moved: Sequence[ConversationRow]
    threads: Sequence[Thread]
    events: Mapping[str, TimelineEvent]
    gone: frozenset[str]


async def refresh(session: Session, touched: Iterable[ConversationRow]) -> None:
    """Within the transaction that changed, bound or removed these rows (those without a contact are passed over)."""
    bound = sorted((row for row in touched if row.contact_id), key=lambda row: row.tenant_id)
    for tenant_id, rows in groupby(bound, key=lambda row: row.tenant_id):
        await show(session, tenant_id, await project(session, tenant_id, list(rows)))


async def project(
    session: Session, tenant_id: str, touched: Sequence[ConversationRow], beside: Iterable[Pair] = ()
) -> Sight:
    """What is to be seen where these rows stand, and of the pairs `beside`. Only reads."""
    copies = await session.rows.of_copies(tenant_id, {(_owner(row), row.copy) for row in touched})
    settled = _settled(copies)
    moved = [row for row, before in zip(settled, copies, strict=True) if row != before]
    pairs = frozenset((_owner(row), row.conversation_id) for row in [*touched, *moved]).union(beside)
    now = {row.row_id: row for row in settled}
    rows = [now.get(row.row_id, row) for row in await session.rows.of_threads(tenant_id, pairs)]
    messages = await session.messages.headers({message_key(row) for row in [*rows, *settled]})
    events = {event_id(row): event_of_row(row, messages[message_key(row)]) for row in settled if row.shown}
    gone = {event_id(row) for row in [*touched, *settled]} - events.keys()
    return Sight(pairs, moved, _threads(rows, messages), events, frozenset(gone))


async def show(session: Session, tenant_id: str, sight: Sight) -> None:
    """Store it, with the figures in the profiles."""
    if sight.moved:
        await session.rows.settle(sight.moved)
    await session.contact_threads.write(tenant_id, sight.pairs, sight.threads)
    await session.events.put(tenant_id, list(sight.events.values()), sorted(sight.gone))
    await session.profiles.converse(tenant_id, sorted({contact_id for contact_id, _ in sight.pairs}))


def _settled(copies: list[ConversationRow]) -> list[ConversationRow]:
    """Each group settled; `copies` is sorted so that the result stands in its order."""
    copies.sort(key=lambda row: (_owner(row), row.copy, row.row_id))
    groups = groupby(copies, key=lambda row: (_owner(row), row.copy))
    return [row for _, group in groups for row in settle(list(group))]


def _threads(rows: Sequence[ConversationRow], messages: dict[MessageKey, MessageRecord]) -> list[Thread]:
    by_pair: defaultdict[Pair, list[tuple[ConversationRow, Message]]] = defaultdict(list)
    keys: dict[str, ThreadKey] = {}
    for row in rows:
        record = messages[message_key(row)]
        if record.content is None or record.thread is None:
            continue
        by_pair[_owner(row), row.conversation_id].append((row, record.content.message))
        keys[row.conversation_id] = record.thread
    return [
        Thread(
            key=keys[conversation_id],
            contact_id=contact_id,
            shown=figures_of(item for item in of_thread if item[0].shown),
            mailbox=figures_of(item for item in of_thread if item[0].visible and item[0].source is Source.GMAIL),
        )
        for (contact_id, conversation_id), of_thread in by_pair.items()
    ]


def message_key(row: ConversationRow) -> MessageKey:
    """The message that a row is of."""
    return MessageKey(row.tenant_id, row.source, row.account, row.message_id)


def _owner(row: ConversationRow) -> str:
    return row.contact_id or ""
