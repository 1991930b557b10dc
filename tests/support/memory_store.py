"""A store in memory with MongoDB's isolation, for thousands of interleavings a second.

A transaction reads a snapshot taken at its start, and at its commit it conflicts with whoever wrote a document that it
wrote too (then it runs again). Before each operation `turn` lets others go on. It passes the same suite as the real
store: `tests/integration/test_store_contract.py`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from service.contacts.model import Contact
from service.conversations.model import Thread
from service.erasure.model import Erasure
from service.errors import DuplicateKeyError
from service.identity.model import Association, Identity
from service.ledger.model import Outcome, Receipt, Row, additions, by_row
from service.outbox.model import OutboxRecord
from service.profile.conversed import Conversed, conversed, shown_thread
from service.profile.model import Profile, Totals, merge, with_conversed
from service.timeline.model import VISITOR_CONFLICT, Portion, TimelineEvent
from service.timeline.query import TimelineQuery
from tests.support.memory_conversations import ContactThreads, Messages, Rows, SourceThreads, ThreadParts
from tests.support.memory_rebuild import ContactWalk, ProfileRecords, Rebuilds, profile_of

T = TypeVar("T")
Turn = Callable[[], Awaitable[None]]
Key = tuple[str, Any]
Documents = dict[Key, Any]


async def _go_on() -> None:
    return


class Memory:
    """Committed documents by (collection, id); values are never changed in place."""

    def __init__(self, turn: Turn = _go_on) -> None:
        self.committed: Documents = {}
        self.turn = turn

    def all(self, collection: str) -> dict[Any, Any]:
        """One collection, by id."""
        return {key: value for (name, key), value in self.committed.items() if name == collection}


class View:
    """What one session sees and writes: committed documents, or its transaction's."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._snapshot: Documents | None = None
        self._writes: Documents = {}

    async def reading(self) -> Documents:
        """Everything visible now, after letting others go on."""
        await self.memory.turn()
        if self._snapshot is None:
            return self.memory.committed
        return {key: value for key, value in {**self._snapshot, **self._writes}.items() if value is not None}

    async def writing(self, changes: Documents) -> None:
        """Write; None removes."""
        await self.memory.turn()
        if self._snapshot is None:
            self._apply(changes)
        else:
            self._writes |= changes

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """See `service.ports.Session.transaction`."""
        while True:
            await self.memory.turn()
            self._snapshot, self._writes = dict(self.memory.committed), {}
            try:
                result = await work()
                await self.memory.turn()
                if self._conflicts():
                    continue
                self._apply(self._writes)
                return result
            finally:
                self._snapshot, self._writes = None, {}

    def _conflicts(self) -> bool:
        snapshot = self._snapshot or {}
        return any(self.memory.committed.get(key) is not snapshot.get(key) for key in self._writes)

    def _apply(self, changes: Documents) -> None:
        merged = {**self.memory.committed, **changes}
        self.memory.committed = {key: value for key, value in merged.items() if value is not None}


class Contacts:
    def __init__(self, view: View) -> None:
        self._view = view

    async def insert(self, contact: Contact) -> None:
        await self._view.writing({("contact", contact.contact_id): contact})

    async def get(self, tenant_id: str, contact_id: str) -> Contact | None:
        found = (await self._view.reading()).get(("contact", contact_id))
        return found if found and found.tenant_id == tenant_id else None

    async def lock(self, tenant_id: str, contact_id: str, now: datetime) -> Contact | None:
        contact = await self.get(tenant_id, contact_id)
        if contact is None:
            return None
        changed = replace(contact, sequence=contact.sequence + 1, committed_at=max(now, contact.committed_at))
        await self.replace(changed)
        return changed

    async def replace(self, contact: Contact) -> None:
        await self._view.writing({("contact", contact.contact_id): contact})

    async def bury(self, contact: Contact) -> None:
        await self._view.writing({("contact", contact.contact_id): None})


class Identities:
    def __init__(self, view: View) -> None:
        self._view = view

    async def associate(self, associations: Sequence[Association], now: datetime) -> None:
        known = await self._view.reading()
        if any(("identity", association.identity) in known for association in associations):
            raise DuplicateKeyError
        owners = {("identity", one.identity): (one.contact_id, object()) for one in associations}
        tasks = {("task", one.link_task): one for one in associations}
        await self._view.writing({**owners, **tasks})

    async def owners(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        known = await self._view.reading()
        return {one: known["identity", one][0] for one in identities if ("identity", one) in known}

    async def awaited(self, identities: Sequence[Identity]) -> bool:
        events, rows = Events(self._view), Rows(self._view)
        return any([(await events.awaiting(one, 1)).events or await rows.awaiting(one, 1) for one in identities])

    async def claim(self, identity: Identity, contact_id: str) -> bool:
        owner = (await self.owners([identity])).get(identity)
        if owner == contact_id:
            await self._view.writing({("identity", identity): (contact_id, object())})
        return owner == contact_id

    async def free(self, identities: Sequence[Identity], contact_id: str) -> None:
        owners = await self.owners(identities)
        await self._view.writing({("identity", one): None for one, owner in owners.items() if owner == contact_id})

    async def free_all(self, tenant_id: str, contact_id: str) -> None:
        known = {key: value for (name, key), value in (await self._view.reading()).items() if name == "identity"}
        mine = [one for one, (owner, _) in known.items() if (one.tenant_id, owner) == (tenant_id, contact_id)]
        await self._view.writing({("identity", one): None for one in mine})

    async def finish(self, link_tasks: Sequence[str]) -> None:
        await self._view.writing({("task", task): None for task in link_tasks})

    async def unfinished(
        self, before: str, limit: int, beyond: str | None = None, behind: str = ""
    ) -> list[Association]:
        known = await self._view.reading()
        keys = [key for name, key in known if name == "task"]
        tasks = sorted(key for key in keys if key < before or (beyond is not None and key > beyond))
        return [known["task", task] for task in tasks if task > behind][:limit]


class Events:
    def __init__(self, view: View) -> None:
        self._view = view

    async def _all(self) -> list[TimelineEvent]:
        return [value for (name, _), value in (await self._view.reading()).items() if name == "event"]

    async def stored(self, event_ids: Sequence[str]) -> dict[str, bool]:
        wanted = set(event_ids)
        found = [event for event in await self._all() if event.event_id in wanted]
        return {event.event_id: event.contact_id is None and bool(event.identities) for event in found}

    async def get(self, tenant_id: str, event_ids: Sequence[str]) -> list[TimelineEvent]:
        wanted = set(event_ids)
        return [one for one in await self._all() if one.tenant_id == tenant_id and one.event_id in wanted]

    async def insert(self, events: Sequence[TimelineEvent], owners: Mapping[str, str] | None = None) -> None:
        known = owners or {}
        if await self.stored([event.event_id for event in events]):
            raise DuplicateKeyError
        owned = [replace(event, contact_id=event.contact_id or known.get(event.event_id)) for event in events]
        await self._view.writing({("event", event.event_id): event for event in owned})

    async def awaiting(self, identity: Identity, limit: int) -> Portion:
        events = [event for event in await self._all() if event.contact_id is None and identity in event.identities]
        return Portion(events[:limit], more=len(events) >= limit)

    async def link(self, event_ids: Sequence[str], contact_id: str) -> int:
        wanted = set(event_ids)
        free = [event for event in await self._all() if event.event_id in wanted and event.contact_id is None]
        await self._view.writing({("event", one.event_id): replace(one, contact_id=contact_id) for one in free})
        return len(free)

    async def put(
        self, tenant_id: str, events: Sequence[TimelineEvent], gone: Sequence[str], *, linked: bool = False
    ) -> None:
        written: Documents = {("event", event.event_id): event for event in events}
        await self._view.writing(written | {("event", event_id): None for event_id in gone})

    async def mark_disputed(self, event_ids: Sequence[str]) -> None:
        known = await self._view.reading()
        marked = {("event", one): known["event", one] for one in event_ids}
        await self._view.writing(
            {key: replace(one, context={**one.context, VISITOR_CONFLICT: True}) for key, one in marked.items()}
        )

    async def timeline(self, query: TimelineQuery) -> AsyncIterator[list[TimelineEvent]]:
        asked = [
            event
            for event in await self._all()
            if (event.tenant_id, event.contact_id) == (query.tenant_id, query.contact_id)
            and query.event in (None, event.event)
        ]
        ordered = sorted(asked, key=_position, reverse=query.newest_first)
        if query.behind is not None and query.newest_first:
            ordered = [event for event in ordered if _position(event) < query.behind]
        elif query.behind is not None:
            ordered = [event for event in ordered if _position(event) > query.behind]
        yield ordered[: query.limit]


def _position(event: TimelineEvent) -> tuple[datetime, str]:
    return event.timestamp, event.event_id


class Profiles:
    def __init__(self, view: View) -> None:
        self._view = view

    async def add(self, tenant_id: str, totals: Mapping[str, Totals]) -> None:
        known = await self._view.reading()
        keys = {("totals", (tenant_id, contact_id)): total for contact_id, total in totals.items()}
        changed = {key: merge(known.get(key, Totals()), total) for key, total in keys.items()}
        await self._view.writing(changed | _touched(known, tenant_id, list(totals)))

    async def converse(self, tenant_id: str, contact_ids: Sequence[str]) -> None:
        known = await self._view.reading()
        threads: list[Thread] = [value for (name, _), value in known.items() if name == "contact_thread"]
        figures: Documents = {
            ("conversed", (tenant_id, contact_id)): conversed(
                shown_thread(one.key, one.shown) for one in threads if one.contact_id == contact_id and one.shown
            )
            for contact_id in contact_ids
        }
        # The profile itself is written: whoever else does that conflicts.
        profiles = {(tenant_id, one): known.get(("totals", (tenant_id, one)), Totals()) for one in contact_ids}
        written: Documents = {("totals", key): replace(total) for key, total in profiles.items()}
        await self._view.writing(figures | written | _touched(known, tenant_id, contact_ids))

    async def touch(self, tenant_id: str, contact_id: str) -> None:
        known, key = await self._view.reading(), ("totals", (tenant_id, contact_id))
        written: Documents = {key: replace(known.get(key, Totals()))}
        await self._view.writing(written | _touched(known, tenant_id, [contact_id]))

    async def close(self, tenant_id: str, contact_id: str) -> None:
        key = (tenant_id, contact_id)
        # Replaced, not removed: removing what is not there would conflict with nobody.
        await self._view.writing({("totals", key): Totals(), ("conversed", key): None, ("touched", key): None})

    async def get(self, tenant_id: str, contact_id: str) -> Profile | None:
        known, key = await self._view.reading(), (tenant_id, contact_id)
        if ("totals", key) not in known:
            return None
        profile = profile_of(known["totals", key], known.get(("conversed", key), Conversed()))
        return with_conversed(profile, profile.conversed)


def _touched(known: Documents, tenant_id: str, contact_ids: Sequence[str]) -> Documents:
    keys: list[Key] = [("touched", (tenant_id, contact_id)) for contact_id in contact_ids]
    return {key: known.get(key, 0) + 1 for key in keys}


class Ledger:
    def __init__(self, view: View) -> None:
        self._view = view

    async def count(self, outcomes: Sequence[tuple[Receipt, Outcome]]) -> None:
        known = await self._view.reading()
        told = by_row(outcomes)
        rows = {key: known["ledger", key] for key in told if ("ledger", key) in known}
        added = additions(told, {key: row.next_offset for key, row in rows.items()})
        await self._view.writing({("ledger", row.key): _sum(rows.get(row.key), row) for row in added})

    async def rows(self, tenant_id: str | None = None, topic: str | None = None) -> list[Row]:
        rows: list[Row] = [row for (name, _), row in (await self._view.reading()).items() if name == "ledger"]
        asked = [one for one in rows if tenant_id in (None, one.key.tenant_id) and topic in (None, one.key.topic)]
        return sorted(asked, key=lambda row: (row.key.topic, row.key.tenant_id or "", row.key.partition))


def _sum(before: Row | None, added: Row) -> Row:
    old = before.counts if before else {}
    counts = {outcome: old.get(outcome, 0) + added.counts.get(outcome, 0) for outcome in Outcome}
    return added._replace(first_offset=before.first_offset if before else added.first_offset, counts=counts)


class Outbox:
    def __init__(self, view: View) -> None:
        self._view = view

    async def append(self, records: Sequence[OutboxRecord]) -> None:
        await self._view.writing({("outbox", record.record_id): record for record in records})


class NoErasures:
    """Implements what is needed of `service.erasure.ports.Erasures`: nobody is being erased here."""

    async def under_way(self, _tenant_id: str) -> list[Erasure]:
        return []


class MemorySession:
    """Implements `service.ports.Session`."""

    def __init__(self, memory: Memory) -> None:
        view = View(memory)
        self.transaction = view.transaction
        self.contacts = Contacts(view)
        self.identities = Identities(view)
        self.events = Events(view)
        self.profiles = Profiles(view)
        self.profile_records = ProfileRecords(view)
        self.contact_list = ContactWalk(view)
        self.rebuilds = Rebuilds(view)
        self.messages = Messages(view)
        self.source_threads = SourceThreads(view)
        self.rows = Rows(view)
        self.contact_threads = ContactThreads(view)
        self.thread_parts = ThreadParts(view)
        self.ledger = Ledger(view)
        self.outbox = Outbox(view)
        self.erasures = NoErasures()


class MemoryStore(MemorySession):
    """Implements `service.ports.Store`, as far as the core's own rules need it."""

    def __init__(self, turn: Turn = _go_on) -> None:
        self.memory = Memory(turn)
        super().__init__(self.memory)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[MemorySession]:
        yield MemorySession(self.memory)
