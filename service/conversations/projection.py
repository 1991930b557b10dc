"""What a contact sees, made anew from its rows: which copy is shown, threads, timeline events, figures of the profile.

It is a pure function of the rows and messages that are stored, so it is the same whatever happened in whatever order.
Every refresh writes the contact's profile: two transactions that touch one contact conflict, and the later sees all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from service.conversations.figures import settle
from service.conversations.incoming import MessageKey
from service.conversations.join import MessageRecord
from service.conversations.model import ConversationRow, Thread
from service.conversations.parts import Item, Parts, part_number, parts_of
from service.conversations.rows import event_id, event_of_row
from service.ports import Session
from service.timeline.model import TimelineEvent

LARGE = 200
"""A thread of more messages is kept in parts."""

Pair = tuple[str, str]
"""A contact, and a conversation or a copy."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What contacts see of some conversations. `moved` are rows that are stored with another copy shown, or another
    direction; `threads` all that there is to see of `pairs`, and `parts` those of them that are kept in parts; `events`
    those of shown messages, `gone` the ids of those of which nothing is shown."""

    pairs: frozenset[Pair]
    moved: Sequence[ConversationRow]
    threads: Sequence[Thread]
    parts: Mapping[Pair, Parts]
    events: Mapping[str, TimelineEvent]
    gone: frozenset[str]


async def refresh(session: Session, touched: Iterable[ConversationRow], *, linked: bool = False) -> None:
    """Within the transaction that changed, bound or removed these rows (those without a contact are passed over).

    `linked`: they were stored without a contact before, and have one now.
    """
    bound = sorted((row for row in touched if row.contact_id), key=lambda row: row.tenant_id)
    for tenant_id, rows in groupby(bound, key=lambda row: row.tenant_id):
        await show(session, tenant_id, await project(session, tenant_id, list(rows)), linked=linked)


async def project(
    session: Session,
    tenant_id: str,
    touched: Sequence[ConversationRow],
    beside: Iterable[Pair] = (),
    *,
    anew: bool = False,
) -> Sight:
    """What is to be seen where these rows stand, and of the pairs `beside`. Only reads. Of a large thread, those parts
    in which none of these rows is are as they are stored, unless all is to be made `anew`."""
    copies = await session.rows.of_copies(tenant_id, {(_owner(row), row.copy) for row in touched})
    settled = _settled(copies)
    moved = [row for row, before in zip(settled, copies, strict=True) if row != before]
    concerned = {(*_pair(row), part_number(row.message_id)) for row in [*touched, *moved]}
    pairs = frozenset((contact_id, conversation_id) for contact_id, conversation_id, _ in concerned).union(beside)
    stored = await session.thread_parts.get(tenant_id, pairs)
    believed = {} if anew else stored
    found = await session.rows.of_threads(tenant_id, pairs - believed.keys())
    found += await session.rows.of_parts(tenant_id, {one for one in concerned if one[:2] in believed})
    now = {row.row_id: row for row in settled}
    rows = [now.get(row.row_id, row) for row in found]
    messages = await session.messages.headers({message_key(row) for row in [*rows, *settled]})
    parts = _parts(rows, messages, believed, concerned)
    events = {event_id(row): event_of_row(row, messages[message_key(row)]) for row in settled if row.shown}
    return Sight(
        pairs,
        moved,
        threads=[one.thread(contact_id) for (contact_id, _), one in parts.items()],
        parts={pair: one for pair, one in parts.items() if one.size > LARGE}
        | {pair: parts.get(pair, Parts(one.key)) for pair, one in stored.items()},
        events=events,
        gone=frozenset(event_id(row) for row in [*touched, *settled]) - events.keys(),
    )


async def show(session: Session, tenant_id: str, sight: Sight, *, linked: bool = False) -> None:
    """Store it, with the figures in the profiles."""
    if sight.moved:
        await session.rows.settle(sight.moved)
    await session.contact_threads.write(tenant_id, sight.pairs, sight.threads)
    await session.thread_parts.write(tenant_id, sight.parts)
    await session.events.put(tenant_id, list(sight.events.values()), sorted(sight.gone), linked=linked)
    await session.profiles.converse(tenant_id, sorted({contact_id for contact_id, _ in sight.pairs}))


def _settled(copies: list[ConversationRow]) -> list[ConversationRow]:
    """Each group settled; `copies` is sorted so that the result stands in its order."""
    copies.sort(key=lambda row: (_owner(row), row.copy, row.row_id))
    groups = groupby(copies, key=lambda row: (_owner(row), row.copy))
    return [row for _, group in groups for row in settle(list(group))]


def _parts(
    rows: Sequence[ConversationRow],
    messages: Mapping[MessageKey, MessageRecord],
    believed: Mapping[Pair, Parts],
    concerned: Set[tuple[str, str, int]],
) -> dict[Pair, Parts]:
    """All parts of the threads that rows are of: from the rows, or as they are believed to be."""
    items: defaultdict[Pair, list[Item]] = defaultdict(list)
    keys = {pair: parts.key for pair, parts in believed.items()}
    for row in rows:
        record = messages[message_key(row)]
        if record.content is not None and record.thread is not None:
            items[_pair(row)].append((row, record.content.message))
            keys.setdefault(_pair(row), record.thread)
    numbers: defaultdict[Pair, set[int]] = defaultdict(set)
    for contact_id, conversation_id, number in concerned:
        numbers[contact_id, conversation_id].add(number)
    return {
        pair: believed.get(pair, Parts(key)).changed(numbers[pair], parts_of(items[pair])) for pair, key in keys.items()
    }


def message_key(row: ConversationRow) -> MessageKey:
    """The message that a row is of."""
    return MessageKey(row.tenant_id, row.source, row.account, row.message_id)


def _pair(row: ConversationRow) -> Pair:
    return _owner(row), row.conversation_id


def _owner(row: ConversationRow) -> str:
    return row.contact_id or ""
