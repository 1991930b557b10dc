"""Erasing what is stored of a person, step by step, once the erasure has begun.

Each step may be done again without harm, and the erasure keeps who it was until the last has found nothing more: so a
run that is cut off is gone on with by the next one, whoever that is.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field, replace

import structlog

from service.clock import Clock
from service.erasure.conversations import ConversationEraser
from service.erasure.gather import gather
from service.erasure.guard import ErasureGuard
from service.erasure.marks import Marker
from service.erasure.model import Erasure, Subject, handle_of
from service.erasure.shells import shell_of
from service.errors import DuplicateKeyError, StoreError
from service.identity.model import Identity, IdentityKind
from service.ids import new_run
from service.ports import Session, Store

_BATCH = 500
_SWEEP_LIMIT = 10
_log = structlog.get_logger(__name__)

Say = Callable[[Mapping[str, int]], None]
"""Told after each batch how much is gone, by what it is called."""


class ErasureHeldError(Exception):
    """Another run has the erasure in hand, or had it less than a minute ago and died."""


class ErasureStoppedError(Exception):
    """The run was asked to end; another one goes on."""


@dataclass(slots=True)
class _Run:
    """One run on one erasure."""

    session: Session
    tenant_id: str
    erasure_id: str
    run: str
    stop: asyncio.Event
    say: Say
    gone: Counter[str] = field(default_factory=Counter)

    async def step(self, what: str, count: int) -> None:
        """After each batch. Raises ErasureHeldError, ErasureStoppedError."""
        self.gone[what] += count
        if not await self.session.erasures.claim(self.tenant_id, self.erasure_id, self.run):
            raise ErasureHeldError
        self.say(self.gone)
        if self.stop.is_set():
            raise ErasureStoppedError


class Eraser:
    """The use-case behind `pathbound erase`, and behind what the processes do in the background."""

    def __init__(self, store: Store, guard: ErasureGuard, clock: Clock) -> None:
        self._store = store
        self._guard = guard
        self._clock = clock

    async def __call__(
        self, tenant_id: str, erasure_id: str, say: Say = lambda _: None, stop: asyncio.Event | None = None
    ) -> Mapping[str, int]:
        """Until nothing is left; how much went. Raises ErasureHeldError, ErasureStoppedError, ErasureSecretError and
        StoreError's kinds; then it is to be done again."""
        marker = await self._guard.introduce(self._store)
        async with self._store.session() as session:
            run = _Run(session, tenant_id, erasure_id, new_run(), stop or asyncio.Event(), say)
            await run.step("events", 0)
            try:
                while erasure := await session.erasures.get(tenant_id, erasure_id):
                    if erasure.done_at is not None:
                        break
                    erasure = await gather(session, marker, erasure, self._clock())
                    given = await session.identities.owners(erasure.subject.identities)
                    await self._let_go(session, marker, erasure, given)
                    await self._pass(run, erasure, given)
                    if await self._finish(session, erasure, given):
                        break
            finally:
                await session.erasures.release(tenant_id, erasure_id, run.run)
        return run.gone

    async def sweep(self) -> int:
        """Go on with what was begun and nobody has in hand; how many are done. One that fails is put off for a minute,
        so that it keeps no other waiting; with the store away the sweep ends."""
        done = 0
        for tenant_id, erasure_id in await self._store.erasures.unfinished(_SWEEP_LIMIT):
            try:
                await self(tenant_id, erasure_id)
            except ErasureHeldError:
                continue
            except StoreError as error:
                await self._store.erasures.claim(tenant_id, erasure_id, new_run())
                _log.warning("erasure_put_off", erasure_id=erasure_id, reason=type(error).__name__)
                continue
            done += 1
        return done

    async def count(self, subject: Subject) -> Mapping[str, int]:
        """How much there is to be erased, as far as the person's identities are known now."""
        return await self._store.remains.count(subject)

    async def _let_go(self, session: Session, marker: Marker, erasure: Erasure, given: Collection[Identity]) -> None:
        """What somebody has been given is that contact's, and what comes under it from now on is taken: by whoever gave
        it before there was a mark to be seen."""
        if given:
            marks = [marker(handle_of(one)) for one in given]
            await session.marks.let_go(erasure.subject.tenant_id, erasure.erasure_id, marks)

    async def _finish(self, session: Session, erasure: Erasure, given: Container[Identity]) -> bool:
        """False if there is more to be done: more was learnt, or somebody has been given an identity meanwhile. Whoever
        gives one right now, and has not seen the marks, conflicts with this and sees them when it tries again."""

        async def work() -> bool:
            owners = await session.identities.owners(erasure.subject.identities)
            if any(one not in given for one in owners):
                return False
            await session.identities.fence([one for one in erasure.subject.identities if one not in owners])
            return await session.erasures.finish(erasure, self._clock())

        try:
            return await session.transaction(work)
        except DuplicateKeyError:
            return False

    async def _pass(self, run: _Run, erasure: Erasure, given: Container[Identity]) -> None:
        """The order: what would be answered or published again; what could make the rest visible again; the rest."""
        free = tuple(one for one in erasure.subject.identities if one not in given)
        erasure = replace(erasure, subject=replace(erasure.subject, identities=free))
        subject = erasure.subject
        await run.step("answers", await run.session.remains.blank_answers(subject))
        for contact_id in subject.contact_ids:
            await self._shell(run, contact_id)

        async def messages(count: int) -> None:
            await run.step("messages", count)

        await ConversationEraser(run.session, subject, messages)()
        for contact_id in subject.contact_ids:
            await self._remove_of_contact(run, contact_id, erasure.told_by)
        await self._remove_known(run, erasure)

    async def _shell(self, run: _Run, contact_id: str) -> None:
        async for records in run.session.remains.published(run.tenant_id, contact_id):
            changed = [shell for record in records if (shell := shell_of(record)) != record]
            await run.session.remains.replace_records(changed)
            await run.step("outbox_records", len(changed))

    async def _remove_of_contact(self, run: _Run, contact_id: str, told_by: str | None) -> None:
        session, tenant_id = run.session, run.tenant_id
        while removed := await session.remains.remove_events(tenant_id, contact_id, told_by, _BATCH):
            await run.step("events", removed)
        while removed := await session.remains.remove_actions(tenant_id, contact_id, _BATCH):
            await run.step("actions", removed)
        while removed := await session.notes.remove_some(tenant_id, contact_id, _BATCH):
            await run.step("notes", removed)
        while await session.profiles.remove_rows(tenant_id, contact_id, _BATCH):
            await run.step("events", 0)
        await session.profiles.close(tenant_id, contact_id)

    async def _remove_known(self, run: _Run, erasure: Erasure) -> None:
        """Events under the person's identities: those that await a contact, and those of a contact deleted before. One
        that is a living contact's (a browser that two persons used) stays, and says no more who else was there."""
        session, subject = run.session, erasure.subject
        strong = {one for one in subject.identities if one.kind is not IdentityKind.VISITOR}
        async for found in session.remains.known_by(subject.identities):
            ids = {one.contact_id for one in found if one.contact_id is not None}
            dead = await session.remains.deleted(run.tenant_id, sorted(ids))
            living = ids - dead
            theirs = [one for one in found if one.event_id != erasure.told_by]
            gone = [one for one in theirs if one.contact_id not in living]
            same = {one.contact_id for one in gone if one.contact_id and not strong.isdisjoint(one.identities)}
            if more := same - set(subject.contact_ids):
                learnt = Subject(run.tenant_id, contact_ids=tuple(sorted(more)))
                await session.erasures.learn(run.tenant_id, erasure.erasure_id, learnt)
            await session.remains.remove_known(run.tenant_id, [(one.event_id, one.contact_id) for one in gone])
            # Of all: one that was looked at as nobody's may be a living contact's by now, and so have stayed.
            await session.remains.withhold(run.tenant_id, [one.event_id for one in theirs], subject.identities)
            await run.step("events", len(gone))
