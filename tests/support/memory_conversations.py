"""Conversations in the store in memory (`tests.support.memory_store`).

What is written is a new object, even where nothing changes: that is how writers of one document conflict there.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Protocol

from service.conversations.incoming import MessageKey, PersonKey
from service.conversations.join import MessageRecord, SourceThread, persons_of
from service.conversations.model import ConversationRow, Thread, ThreadKey
from service.conversations.parts import Parts, part_number
from service.conversations.rows import identity_of_row
from service.errors import DuplicateKeyError
from service.identity.model import Identity


class View(Protocol):
    """What `tests.support.memory_store.View` does."""

    async def reading(self) -> dict[tuple[str, Any], Any]: ...

    async def writing(self, changes: dict[tuple[str, Any], Any]) -> None: ...


async def _all(view: View, collection: str) -> list[Any]:
    return [value for (name, _), value in (await view.reading()).items() if name == collection]


class Messages:
    def __init__(self, view: View) -> None:
        self._view = view

    async def headers(self, keys: Iterable[MessageKey]) -> dict[MessageKey, MessageRecord]:
        known = await self._view.reading()
        return {key: _header(known["message", key]) for key in keys if ("message", key) in known}

    async def of_threads(self, threads: Sequence[ThreadKey], at_most: int | None = None) -> list[MessageRecord]:
        found = [_header(record) for record in await _all(self._view, "message") if record.thread in threads]
        return found[:at_most]

    async def write(self, records: Sequence[MessageRecord], with_content: Set[MessageKey]) -> None:
        known = await self._view.reading()
        changes: dict[tuple[str, Any], Any] = {}
        for record in records:
            if not record.deleted and record.key not in with_content and ("message", record.key) in known:
                changes["message", record.key] = replace(record, content=known["message", record.key].content)
            else:
                changes["message", record.key] = replace(record)
        await self._view.writing(changes)

    async def remove(self, keys: Sequence[MessageKey]) -> None:
        await self._view.writing({("message", key): None for key in keys})


def _header(record: MessageRecord) -> MessageRecord:
    content = record.content
    if content is None:
        return record
    return replace(record, content=replace(content, message=replace(content.message, text=None, html=None)))


class SourceThreads:
    def __init__(self, view: View) -> None:
        self._view = view

    async def get(self, keys: Iterable[ThreadKey]) -> list[SourceThread]:
        known = await self._view.reading()
        ids = {key.conversation_id for key in keys}
        return [known["source_thread", one] for one in ids if ("source_thread", one) in known]

    async def of_persons(self, persons: Iterable[PersonKey]) -> list[SourceThread]:
        wanted = set(persons)
        return [one for one in await _all(self._view, "source_thread") if not wanted.isdisjoint(persons_of(one))]

    async def write(self, threads: Sequence[SourceThread]) -> None:
        await self._view.writing({("source_thread", one.key.conversation_id): replace(one) for one in threads})

    async def persons(self, keys: Iterable[PersonKey]) -> dict[PersonKey, frozenset[str]]:
        known = await self._view.reading()
        return {key: known["person", key][0] for key in keys if ("person", key) in known}

    async def write_persons(self, persons: Mapping[PersonKey, frozenset[str]]) -> None:
        known = await self._view.reading()
        stored = {key: known.get(("person", key), (frozenset(),))[0] for key in persons}
        await self._view.writing({("person", key): (stored[key] | new, object()) for key, new in persons.items()})


class Rows:
    def __init__(self, view: View) -> None:
        self._view = view

    async def get(self, row_ids: Sequence[str]) -> dict[str, ConversationRow]:
        known = await self._view.reading()
        return {one: known["row", one] for one in row_ids if ("row", one) in known}

    async def write(
        self, fresh: Sequence[ConversationRow], changed: Sequence[ConversationRow], removed: Sequence[ConversationRow]
    ) -> None:
        known = await self._view.reading()
        if any(("row", row.row_id) in known for row in fresh):
            raise DuplicateKeyError
        written: dict[tuple[str, Any], Any] = {("row", row.row_id): replace(row) for row in (*fresh, *changed)}
        await self._view.writing(written | {("row", row.row_id): None for row in removed})

    async def settle(self, rows: Sequence[ConversationRow]) -> None:
        await self._view.writing({("row", row.row_id): row for row in rows})

    async def of_copies(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        rows: list[ConversationRow] = await _all(self._view, "row")
        return [row for row in rows if row.tenant_id == tenant_id and (row.contact_id, row.copy) in pairs]

    async def of_threads(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        rows: list[ConversationRow] = await _all(self._view, "row")
        return [row for row in rows if row.tenant_id == tenant_id and (row.contact_id, row.conversation_id) in pairs]

    async def of_parts(self, tenant_id: str, parts: Set[tuple[str, str, int]]) -> list[ConversationRow]:
        rows = await self.of_threads(tenant_id, {(contact_id, one) for contact_id, one, _ in parts})
        return [row for row in rows if (row.contact_id, row.conversation_id, part_number(row.message_id)) in parts]

    async def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[ConversationRow]]:
        rows: list[ConversationRow] = await _all(self._view, "row")
        mine = [row for row in rows if (row.tenant_id, row.contact_id) == (tenant_id, contact_id)]
        yield sorted(mine, key=lambda row: (row.conversation_id, row.row_id))

    async def awaiting(self, identity: Identity, limit: int) -> list[ConversationRow]:
        rows: list[ConversationRow] = await _all(self._view, "row")
        return [row for row in rows if row.contact_id is None and identity_of_row(row) == identity][:limit]

    async def bind(self, rows: Sequence[ConversationRow], contact_id: str) -> list[ConversationRow]:
        bound = [replace(row, contact_id=contact_id) for row in rows]
        await self._view.writing({("row", row.row_id): row for row in bound})
        return bound


class ThreadParts:
    def __init__(self, view: View) -> None:
        self._view = view

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> dict[tuple[str, str], Parts]:
        known = await self._view.reading()
        found = {pair: known["thread_parts", pair] for pair in pairs if ("thread_parts", pair) in known}
        return {pair: parts for pair, parts in found.items() if parts.key.tenant_id == tenant_id}

    async def write(self, tenant_id: str, parts: Mapping[tuple[str, str], Parts]) -> None:
        await self._view.writing({("thread_parts", pair): one if one.of else None for pair, one in parts.items()})


class ContactThreads:
    def __init__(self, view: View) -> None:
        self._view = view

    async def write(self, tenant_id: str, pairs: Set[tuple[str, str]], threads: Sequence[Thread]) -> None:
        seen = {(one.contact_id, one.key.conversation_id): one for one in threads if one.shown or one.mailbox}
        await self._view.writing({("contact_thread", pair): seen.get(pair) for pair in pairs})

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[Thread]:
        known = await self._view.reading()
        found: list[Thread] = [known["contact_thread", pair] for pair in pairs if ("contact_thread", pair) in known]
        return [one for one in found if one.key.tenant_id == tenant_id]

    async def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[str]]:
        threads: list[Thread] = await _all(self._view, "contact_thread")
        mine = [one for one in threads if (one.key.tenant_id, one.contact_id) == (tenant_id, contact_id)]
        yield [one.key.conversation_id for one in mine]
