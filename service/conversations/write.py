"""Writing what a batch of facts changed: the facts themselves, and the rows of whom their messages concern.

Every message that changed has all its rows written, and every conversation that changed all its persons: two
transactions between whose effects there is any connection write one document in common, so that one of them comes
second and sees the other's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.conversations.incoming import Delivery, MessageKey
from service.conversations.join import Knowledge, MessageRecord
from service.conversations.model import ConversationRow
from service.conversations.projection import message_key
from service.conversations.rows import identity_of_row, rows_of
from service.errors import TooMuchAtOnceError
from service.identity.model import Identity
from service.ports import Session

MAX_ROWS = 10_000
"""Rows that one transaction adds to messages that are stored (people join them, and a small record may ask for any
number), and about so many messages and rows of one record: it is not cut, and tells of five hundred messages that each
belong to nineteen people. These take up to 48 s on two busy cores where all of them are contacts, and what takes longer
than MongoDB's minute would be tried for ever."""


async def write_facts(session: Session, knowledge: Knowledge, news: Sequence[Delivery]) -> list[MessageRecord]:
    """Write what `news` told. The messages that are gone with it, as they were: deleted, or their whole conversation.

    The messages of conversations that turned out to be more people's are added to the knowledge.
    """
    threads = {fact.key.conversation_id for delivery in news for fact in delivery.threads}
    await session.source_threads.write([knowledge.threads[one] for one in sorted(threads)])
    persons = {fact.key for delivery in news for fact in delivery.persons}
    persons |= {key for one in threads for key in knowledge.persons_in(one)}
    emails = {key: knowledge.persons.get(key, frozenset()) for key in sorted(persons)}
    await session.source_threads.write_persons(emails)
    await _read_what_concerns_more_people(session, knowledge)
    changed = [knowledge.messages[key] for key in sorted(knowledge.changed_messages)]
    kept = [record for record in changed if not knowledge.in_deleted_thread(record)]
    await session.messages.write(kept, knowledge.contents_changed)
    gone = [knowledge.before[one.key] for one in kept if one.deleted and one.key in knowledge.before]
    return gone + await _remove_deleted_threads(session, knowledge)


async def _read_what_concerns_more_people(session: Session, knowledge: Knowledge) -> None:
    """Where a person got an address, or a conversation a person, every message of the conversation concerns them."""
    if knowledge.changed_persons:
        for thread in await session.source_threads.of_persons(knowledge.changed_persons):
            knowledge.threads.setdefault(thread.key.conversation_id, thread)
    grown = [thread for thread in knowledge.threads.values() if not thread.deleted and knowledge.grew(thread)]
    if grown:
        records = await session.messages.of_threads([thread.key for thread in grown], MAX_ROWS + 1)
        _check_growth(len(records))
        for record in records:
            knowledge.messages.setdefault(record.key, record)


def _check_growth(rows: int) -> None:
    if rows > MAX_ROWS:
        raise TooMuchAtOnceError(f"conversation: more than {MAX_ROWS} messages would get somebody more at once")


async def _remove_deleted_threads(session: Session, knowledge: Knowledge) -> list[MessageRecord]:
    deleted = [
        knowledge.threads[one].key for one in sorted(knowledge.changed_threads) if knowledge.threads[one].deleted
    ]
    if not deleted:
        return []
    gone = await session.messages.of_threads(deleted)
    await session.messages.remove([record.key for record in gone])
    return gone


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """`all` are the rows of every message that the batch spoke of, as they stand now; `touched` those of them that were
    written, `removed` those that are no more; `left` as they were, of those that are other mails' copies now."""

    all: Sequence[ConversationRow]
    touched: Sequence[ConversationRow]
    removed: Sequence[ConversationRow]
    left: Sequence[ConversationRow]

    def bound(self) -> set[MessageKey]:
        """The messages that are some contact's, or were until now."""
        return {message_key(row) for row in (*self.all, *self.removed) if row.contact_id}

    def awaiting(self) -> list[Identity]:
        """The identities that rows await a contact under."""
        return list({identity_of_row(row): None for row in self.all if row.contact_id is None})


async def write_rows(session: Session, knowledge: Knowledge, gone: Sequence[MessageRecord]) -> WrittenRows:
    """Give each message that concerns somebody its rows, linked where the address has a contact."""
    wanted = _rows(knowledge, [one for one in knowledge.messages.values() if not knowledge.in_deleted_thread(one)])
    unwanted = _rows(knowledge, gone)
    stored = await session.rows.get([*wanted, *unwanted])
    fresh = [row for one, row in wanted.items() if one not in stored]
    _check_growth(sum(message_key(row) not in knowledge.changed_messages for row in fresh))
    owners = await session.identities.owners({identity_of_row(row) for row in fresh})
    fresh = [replace(row, contact_id=owners.get(identity_of_row(row))) for row in fresh]
    known = [replace(row, contact_id=stored[one].contact_id) for one, row in wanted.items() if one in stored]
    rewritten = [row for row in known if message_key(row) in knowledge.changed_messages]
    removed = [stored[one] for one in unwanted if one in stored]
    await session.rows.write(fresh, rewritten, removed)
    left = [stored[row.row_id] for row in rewritten if row.copy != stored[row.row_id].copy]
    return WrittenRows([*fresh, *known], [*fresh, *rewritten], removed, left)


def _rows(knowledge: Knowledge, records: Sequence[MessageRecord]) -> dict[str, ConversationRow]:
    return {row.row_id: row for record in records for row in rows_of(record, knowledge.addresses(record))}
