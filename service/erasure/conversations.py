"""Erasing a person's part in conversations, one conversation after the other, in transactions of a few messages.

A message that concerns nobody else goes. In one that does, the person is taken out, and what the others see is made
anew. The person's own messages come last: until then they tell what was quoted of them, should the run be cut off.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from schemas.events import Source
from service.chunks import chunks
from service.conversations.incoming import MessageKey
from service.conversations.join import MessageRecord, fingerprint_of, persons_of
from service.conversations.model import ConversationRow, ThreadKey
from service.conversations.parts import Parts
from service.conversations.projection import message_key, refresh
from service.erasure.model import Subject
from service.erasure.redact import KNOWN, Person, without_person, words_beside
from service.ports import Session

_AT_ONCE = 50
"""A mail may be megabytes."""

Step = Callable[[int], Awaitable[None]]
"""Told how many messages were done; raises what ends the run."""


class ConversationEraser:
    """One run over a person's conversations; `session` reads, and has a transaction for each portion."""

    def __init__(self, session: Session, subject: Subject, step: Step) -> None:
        self._session = session
        self._subject = subject
        self._step = step

    async def __call__(self) -> None:
        """All of them. Raises StoreError's kinds, and what `step` raises."""
        for thread in await self._threads():
            await self._one(thread)
        for contact_id in self._subject.contact_ids:
            await self._forget_threads(contact_id)
        await self._session.shared_remains.remove_persons(self._subject.persons)
        await self._session.shared_remains.forget_addresses(self._subject.tenant_id, sorted(self._subject.addresses))

    async def _forget_threads(self, contact_id: str) -> None:
        """Whose rows are gone."""
        tenant_id = self._subject.tenant_id
        async for conversations in self._session.contact_threads.of_contact(tenant_id, contact_id):
            pairs = {(contact_id, one) for one in conversations}
            parts = await self._session.thread_parts.get(tenant_id, pairs)
            nothing = {pair: Parts(one.key) for pair, one in parts.items()}
            # The parts first: they are found by the threads.
            await self._session.thread_parts.write(tenant_id, nothing)
            await self._session.contact_threads.write(tenant_id, pairs, [])

    async def _threads(self) -> list[ThreadKey]:
        """Where the person took part."""
        found: dict[str, ThreadKey] = {}
        async for rows in self._session.shared_remains.rows(self._subject):
            for row in rows:
                # The source's own id of the thread is the account in Intercom, and not needed of a mail's.
                key = ThreadKey(row.tenant_id, row.source, row.account, row.account, row.conversation_id)
                found.setdefault(row.conversation_id, key)
        for thread in await self._session.source_threads.of_persons(self._subject.persons):
            found.setdefault(thread.key.conversation_id, thread.key)
        return [found[one] for one in sorted(found)]

    async def _one(self, thread: ThreadKey) -> None:
        rows = await self._session.shared_remains.rows_in(thread.tenant_id, thread.conversation_id)
        keys = list(dict.fromkeys(map(message_key, rows)))
        if thread.source is Source.INTERCOM:
            keys = list(dict.fromkeys([*keys, *(one.key for one in await self._session.messages.of_threads([thread]))]))
        person = Person(self._subject.addresses, frozenset(self._subject.words))
        own: list[MessageKey] = []
        for portion in chunks(keys, _AT_ONCE):
            contents = await self._session.shared_remains.contents(portion)
            messages = [one.content.message for one in contents if one.content]
            for message in messages:
                person = replace(person, words=person.words | words_beside(message, person.addresses))
            mine = [message for message in messages if person.wrote(message)]
            person = person.having_said(mine)
            own += [MessageKey(one.tenant_id, one.source, one.account, one.message_id) for one in mine]
        written = set(own)
        shared = False
        for portion in chunks([*(key for key in keys if key not in written), *own], _AT_ONCE):
            shared |= await self._erase(portion, thread, person)
            await self._step(len(portion))
        await self._leave(thread, shared=shared)

    async def _erase(self, keys: Sequence[MessageKey], thread: ThreadKey, person: Person) -> bool:
        """One portion; whether any of it is others' too."""
        session = self._session

        async def work() -> bool:
            # Within the transaction: whoever stores something of these messages meanwhile writes their rows as well.
            ids = [key.message_id for key in keys]
            rows = await session.shared_remains.rows_in(thread.tenant_id, thread.conversation_id, ids)
            mine = [row for row in rows if self._is_mine(row)]
            others = [row for row in rows if not self._is_mine(row)]
            kept = set(map(message_key, others))
            records = await session.shared_remains.contents(keys)
            redacted = [_redacted(one, person, others) for one in records if one.key in kept]
            changed = [new for new, old in redacted if new != old]
            await session.messages.write(changed, {one.key for one in changed})
            await session.messages.remove([key for key in map(message_key, mine) if key not in kept])
            touched = [row for row in others if message_key(row) in {one.key for one in changed}]
            await session.rows.write((), touched, mine)
            # What the person saw is not made anew, message by message: it goes at the end.
            await refresh(session, touched)
            return bool(others)

        return await session.transaction(work)

    def _is_mine(self, row: ConversationRow) -> bool:
        """A living contact's row under an address that it had once is that contact's."""
        if row.contact_id is None:
            return row.address in self._subject.addresses
        return row.contact_id in self._subject.contact_ids

    async def _leave(self, thread: ThreadKey, *, shared: bool) -> None:
        """The conversation as its source has it (Intercom)."""
        if thread.source is not Source.INTERCOM:
            return
        found = await self._session.source_threads.get([thread])
        others = {one for known in found for one in persons_of(known)} - set(self._subject.persons)
        if others or shared:
            await self._session.shared_remains.leave(thread.tenant_id, [thread.conversation_id], self._subject.persons)
        else:
            left = await self._session.messages.of_threads([thread])
            await self._session.messages.remove([record.key for record in left])
            await self._session.shared_remains.remove_source_threads(thread.tenant_id, [thread.conversation_id])


def _redacted(
    record: MessageRecord, person: Person, others: Iterable[ConversationRow]
) -> tuple[MessageRecord, MessageRecord]:
    """As it is to be, and as it was."""
    if record.content is None:
        return record, record
    still = {row.address for row in others if message_key(row) == record.key}
    gone = replace(person, addresses=person.addresses - still)
    content = without_person(record.content, gone, KNOWN)
    if content == record.content and record.addresses.isdisjoint(gone.addresses):
        return record, record
    redacted = replace(
        record, content=content, fingerprint=fingerprint_of(content), addresses=record.addresses - gone.addresses
    )
    return redacted, record
