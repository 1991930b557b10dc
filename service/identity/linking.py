"""Link what was stored under an identity to the contact that has it now (design, decision 4).

The transaction that associates an identity stores a link task with it. Linking starts after that commit, so it sees
every event committed before; an event committed later finds the identity known. A task is finished once a scan found
nothing left; until then any process may take it up, so a crash loses no event.

An external id brings the visitor ids beside it along (decision 3): in the transaction that links the events, the free
ones become the contact's, with link tasks of their own; one that is another's stays there, and the event says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from ulid import ULID

from service.clock import Clock
from service.contacts.adopt import adopt_visitors
from service.conversations.projection import refresh
from service.erasure.guard import ErasureGuard
from service.errors import ContendedError, DuplicateKeyError, StoreError, StoreUnavailableError
from service.identity.model import Association, Identity, IdentityKind
from service.ops.metrics import VISITOR_CONFLICTS
from service.ports import Session, Store
from service.profile.model import totals_of
from service.timeline.model import TimelineEvent

BATCH = 500
_SWEEP_LIMIT = 100
_ATTEMPTS = 10
_ABANDONED_AFTER = timedelta(seconds=5)
_log = structlog.get_logger(__name__)
_STRENGTH = {IdentityKind.EXTERNAL: 0, IdentityKind.EMAIL: 1, IdentityKind.VISITOR: 2}


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one transaction did: how many events and messages it linked, and whether there may be more; how many events
    are disputed, which visitors came along."""

    linked: int = 0
    more: bool = False
    conflicts: int = 0
    adopted: list[Association] = field(default_factory=list)


class _Allowance:
    """What is linked before a request is answered, over all its identities: as much as four full batches hold."""

    def __init__(self) -> None:
        self.left = 4.0

    def spend(self, batch: _Batch) -> None:
        # One that was cut short, by its number or its bytes, took as long as any.
        self.left -= 1 if batch.more else batch.linked / BATCH


class Linker:
    """Links events and messages to contacts, in transactions of at most 500 of each."""

    def __init__(self, store: Store, clock: Clock, guard: ErasureGuard) -> None:
        self._store = store
        self._clock = clock
        self._guard = guard
        self._finished: list[str] = []
        self._unfinished: list[Association] = []
        self._swept = ""

    async def link(self, session: Session, associations: Sequence[Association]) -> int:
        """After the associations' commit, in the same session: link about 2,000 events at once, however many identities
        they are of, and leave the rest to `work_off`. How many were linked."""
        return await self._link_all(session, associations, _Allowance())

    async def _link_all(self, session: Session, associations: Sequence[Association], allowance: _Allowance) -> int:
        if not await session.identities.awaited([association.identity for association in associations]):
            self._finished += [association.link_task for association in associations]
            return 0
        return sum([await self._link_one(session, association, allowance) for association in associations])

    async def link_many(self, session: Session, associations: Sequence[Association]) -> int:
        """The same for associations of many contacts, 2,000 events of each: halved again and again, down to those that
        something awaits."""
        if not associations or not await session.identities.awaited([one.identity for one in associations]):
            self._finished += [association.link_task for association in associations]
            return 0
        if len(associations) == 1:
            return await self._link_one(session, associations[0], _Allowance())
        half = len(associations) // 2
        return await self.link_many(session, associations[:half]) + await self.link_many(session, associations[half:])

    async def link_known(self, session: Session, owners: Mapping[Identity, str]) -> int:
        """Link what awaits identities that turned out to have a contact, the strongest first; how many events."""
        strongest_first = sorted(owners.items(), key=lambda item: _STRENGTH[item[0].kind])
        linked = 0
        for identity, contact_id in strongest_first:
            association = Association(identity, contact_id, link_task="")
            linked += await self._link_one(session, association)
        return linked

    async def work_off(self) -> int:
        """Finish what `link` left; how many events were linked."""
        tasks, self._unfinished = self._unfinished, []
        return await self._work_off(tasks)

    async def sweep(self) -> int:
        """Finish what other processes left, since they died or were stopped; how many events were linked.

        A task of later than now is one of a process whose clock is ahead, or ours is behind: nobody waits for its time.
        A sweep begins behind the task where the last one ended, whatever became of that, and from the oldest again when
        there is none: tasks that fail each time keep no others waiting.
        """
        now = self._clock()
        before, beyond = (str(ULID.from_datetime(at)) for at in (now - _ABANDONED_AFTER, now + _ABANDONED_AFTER))
        tasks = await self._store.identities.unfinished(before, _SWEEP_LIMIT, beyond, self._swept)
        return await self._work_off(self._in_turn(tasks))

    def _in_turn(self, tasks: Sequence[Association]) -> Iterator[Association]:
        for task in tasks:
            self._swept = task.link_task
            yield task
        if len(tasks) < _SWEEP_LIMIT:
            self._swept = ""

    async def _work_off(self, tasks: Iterable[Association]) -> int:
        await self.flush()
        linked = 0
        for task in tasks:
            try:
                async with self._store.session() as session:
                    linked += await self._link_one(session, task)
            except StoreUnavailableError:
                raise
            except StoreError as error:
                # What is wrong with one keeps no other waiting; it is tried again with the next sweep.
                _log.warning("link_put_off", contact_id=task.contact_id, reason=type(error).__name__)
        await self.flush()
        return linked

    async def flush(self) -> None:
        """Take finished tasks off the registry, all in one write. Losing this write costs a scan, no event."""
        finished, self._finished = self._finished, []
        if finished:
            await self._store.identities.finish(finished)

    async def _link_one(self, session: Session, association: Association, allowance: _Allowance | None = None) -> int:
        """How many were linked: all, or as many as are allowed."""
        linked = 0
        while allowance is None or allowance.left > 0:
            batch = await self._link_batch(session, association)
            linked += batch.linked
            if allowance is not None:
                allowance.spend(batch)
            if batch.adopted:
                linked += await self._link_all(session, batch.adopted, allowance or _Allowance())
            if not batch.more:
                self._finished += [association.link_task] if association.link_task else []
                return linked
        self._unfinished.append(association)
        return linked

    async def _link_batch(self, session: Session, association: Association) -> _Batch:
        for _ in range(_ATTEMPTS):
            try:
                batch = await session.transaction(lambda: _link_some(session, self._guard, association, self._clock()))
            except DuplicateKeyError:
                continue  # a visitor id that was free in our snapshot is so no more: look again
            VISITOR_CONFLICTS.inc(batch.conflicts)
            return batch
        raise ContendedError


async def _link_some(session: Session, guard: ErasureGuard, association: Association, now: datetime) -> _Batch:
    """One transaction's work; nothing is left, too, where the identity is another's now."""
    identity, contact_id = association.identity, association.contact_id
    if not await session.identities.claim(identity, contact_id):
        return _Batch()
    messages = await _link_messages(session, association) if identity.kind is IdentityKind.EMAIL else 0
    events, more_events = await session.events.awaiting(identity, BATCH)
    linked, more = messages + len(events), more_events or messages == BATCH
    if not events:
        return _Batch(linked, more)
    await session.events.link([event.event_id for event in events], contact_id)
    await session.profiles.add(identity.tenant_id, {contact_id: totals_of(events)})
    if identity.kind is not IdentityKind.EXTERNAL:
        return _Batch(linked, more)
    disputed, adopted = await _with_visitors(session, guard, events, association, now)
    return _Batch(linked, more, disputed, adopted)


async def _link_messages(session: Session, association: Association) -> int:
    rows = await session.rows.awaiting(association.identity, BATCH)
    if rows:
        await refresh(session, await session.rows.bind(rows, association.contact_id), linked=True)
    return len(rows)


async def _with_visitors(
    session: Session, guard: ErasureGuard, events: Sequence[TimelineEvent], association: Association, now: datetime
) -> tuple[int, list[Association]]:
    """The events are linked by an external id: see to the visitor ids that they carry beside it. How many events are
    disputed, and which visitors came along."""
    tenant_id, contact_id = association.identity.tenant_id, association.contact_id
    visitors = {one: None for event in events for one in event.identities if one.kind is IdentityKind.VISITOR}
    owners = await session.identities.owners(visitors)
    disputed = [event.event_id for event in events if event.disputed(owners, contact_id)]
    if disputed:
        await session.events.mark_disputed(disputed)
    free = [one for one in visitors if one not in owners]
    adopted = await adopt_visitors(session, guard, tenant_id, contact_id, free, now) if free else []
    return len(disputed), adopted
