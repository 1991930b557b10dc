"""One contact's profile made anew from what is stored, beside live traffic.

Every writer of a profile counts its `touched` up. So `touched` is read first, then everything else, in portions and in
no transaction, however long that takes; what differs is put right in transactions that each see the same `touched`
still. Where it has changed, all was for nothing, and begins anew.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import orjson

from service.conversations.model import ConversationRow
from service.conversations.projection import Sight, project, show
from service.errors import ContendedError, DuplicateKeyError
from service.ports import Session, Store
from service.profile.conversed import ShownThread, conversed, shown_thread
from service.profile.model import MAX_DEVICES, OF_MESSAGE, Device, Profile, Totals, merge, totals_of
from service.profile.ports import CountedOnce, StoredProfile
from service.profile.tally import Kind, Tally
from service.timeline.query import TimelineQuery

_TRIES = 5
_NAMES = {"conversed": "conversations"}
_ROWS = {Kind.SESSION: "session_rows", Kind.DEVICE: "device_rows", Kind.MESSAGE_EVENT: "message_events"}


@dataclass(frozen=True, slots=True)
class Remade:
    """The names of what was wrong; `settled` unless the contact changed at each try."""

    wrong: frozenset[str] = frozenset()
    settled: bool = True


@dataclass(slots=True)
class _Talked:
    """What a contact's conversations come to: its threads, and the names of what was wrong there."""

    threads: dict[str, ShownThread] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)

    def add(self, seen: Sight, wrong: set[str]) -> None:
        self.wrong |= wrong
        self.known |= {conversation_id for _, conversation_id in seen.pairs}
        for thread in seen.threads:
            # A conversation of many rows is seen in several portions: the last has seen what the others put right.
            self.threads.pop(thread.key.conversation_id, None)
            if thread.shown:
                self.threads[thread.key.conversation_id] = shown_thread(thread.key, thread.shown)


class ContactRemaker:
    """Makes one contact's profile anew; `dry_run` only tells."""

    def __init__(self, store: Store, *, dry_run: bool) -> None:
        self._store = store
        self._dry_run = dry_run

    async def __call__(self, tenant_id: str, contact_id: str) -> Remade:
        """What was wrong, and is right now. Nothing is, of a contact that is gone. Raises StoreError's kinds."""
        wrong: frozenset[str] = frozenset()
        # Two sessions: cursors stay open in one while the other has its transactions.
        async with self._store.session() as reading, self._store.session() as writing:
            one = _Contact(reading, writing, tenant_id, contact_id, self._dry_run)
            for _ in range(_TRIES):
                try:
                    tried = await one.attempt()
                except ContendedError:
                    continue  # a process that was killed may stand in the way for some seconds
                wrong |= tried.wrong
                if tried.settled:
                    return Remade(wrong)
        return Remade(wrong, settled=False)


class _Contact:
    def __init__(self, reading: Session, writing: Session, tenant_id: str, contact_id: str, dry_run: bool) -> None:
        self._reading = reading
        self._writing = writing
        self._tenant_id = tenant_id
        self._contact_id = contact_id
        self._dry_run = dry_run

    async def attempt(self) -> Remade:
        """`wrong` is what was put right for good, or would have been."""
        before = await self._reading.profile_records.get(self._tenant_id, self._contact_id)
        if await self._reading.contacts.get(self._tenant_id, self._contact_id) is None:
            return Remade()
        with Tally() as tally:
            talked = await self._conversations(tally)
            if talked.wrong and not self._dry_run:
                # Putting them right has touched the profile.
                return Remade(frozenset(talked.wrong), settled=False)
            figures = await self._figures(tally)
            profile = replace(figures, conversed=conversed(talked.threads.values()))
            wrong = {*_differing(before.figures, profile), *_wrong_rows(tally)}
            settled = not wrong or await self._put_right(tally, StoredProfile(profile, before.touched))
        return Remade(frozenset(talked.wrong | wrong if settled else talked.wrong), settled)

    async def _conversations(self, tally: Tally) -> _Talked:
        """Each portion in a transaction of its own: what contacts see is a pure function of what it reads."""
        talked = _Talked()
        async for rows in self._reading.rows.of_contact(self._tenant_id, self._contact_id):
            await self._look(talked, tally, rows, set())
        async for threads in self._reading.contact_threads.of_contact(self._tenant_id, self._contact_id):
            if stray := {one for one in threads if one not in talked.known}:
                await self._look(talked, tally, [], stray)
        return talked

    async def _look(self, talked: _Talked, tally: Tally, rows: list[ConversationRow], beside: set[str]) -> None:
        pairs = {(self._contact_id, one) for one in beside}

        async def work() -> tuple[Sight, set[str]]:
            sight = await project(self._writing, self._tenant_id, rows, pairs, anew=True)
            wrong = await _wrong_sight(self._writing, self._tenant_id, sight)
            if wrong and not self._dry_run:
                await show(self._writing, self._tenant_id, sight)
            return sight, wrong

        sight, wrong = await self._writing.transaction(work)
        talked.add(sight, wrong)
        tally.want(Kind.MESSAGE_EVENT, sight.events)

    async def _figures(self, tally: Tally) -> Profile:
        """What the events add up to; in the tally what they count once, beside the rows that there are."""
        totals = Totals()
        query = TimelineQuery(self._tenant_id, self._contact_id, newest_first=False)
        async for events in self._reading.events.timeline(query):
            added = totals_of(events)
            tally.want(Kind.SESSION, added.session_ids)
            tally.want(Kind.DEVICE, _texts_of(added.devices))
            tally.find(Kind.MESSAGE_EVENT, (event.event_id for event in events if OF_MESSAGE in event.context))
            named = frozenset(sorted(totals.devices | added.devices)[:MAX_DEVICES])
            totals = replace(merge(totals, added), session_ids=frozenset(), devices=named)
        async for rows in self._reading.profile_records.counted(self._tenant_id, self._contact_id):
            tally.find(Kind.SESSION, (row for row in rows if isinstance(row, str)))
            tally.find(Kind.DEVICE, _texts_of(row for row in rows if isinstance(row, Device)))
        return _profile_of(totals, tally.wanted(Kind.SESSION), tally.wanted(Kind.DEVICE))

    async def _put_right(self, tally: Tally, profile: StoredProfile) -> bool:
        """Whether nobody else wrote the profile meanwhile. Rows first, in as many transactions as they need, figures
        last: whoever is killed in between leaves a profile that is still seen to be wrong."""
        touched = profile.touched
        for correct in () if self._dry_run else self._corrections(tally):
            if not await self._if_still(touched, correct):
                return False
            touched += 1
        return await self._if_still(touched, partial(self._replace, replace(profile, touched=touched + 1)))

    def _corrections(self, tally: Tally) -> Iterator[Callable[[], Awaitable[None]]]:
        for kind in (Kind.SESSION, Kind.DEVICE):
            for keys in tally.missing(kind):
                yield partial(self._recount, _counted_of(kind, keys), ())
            for keys in tally.surplus(kind):
                yield partial(self._recount, (), _counted_of(kind, keys))
        for keys in tally.surplus(Kind.MESSAGE_EVENT):
            yield partial(self._remove_events, keys)

    async def _if_still(self, touched: int, correct: Callable[[], Awaitable[None]]) -> bool:
        """In one transaction: whether the contact is there and its profile was touched so often, and then `correct`."""

        async def work() -> bool:
            stored = await self._writing.profile_records.get(self._tenant_id, self._contact_id)
            contact = await self._writing.contacts.get(self._tenant_id, self._contact_id)
            if contact is None or stored.touched != touched:
                return False
            await correct()
            return True

        try:
            return await self._writing.transaction(work)
        except DuplicateKeyError:
            return False  # somebody counts the same row right now

    async def _recount(self, missing: Sequence[CountedOnce], surplus: Sequence[CountedOnce]) -> None:
        await self._writing.profile_records.recount(self._tenant_id, self._contact_id, missing, surplus)
        await self._writing.profiles.touch(self._tenant_id, self._contact_id)

    async def _remove_events(self, event_ids: list[str]) -> None:
        await self._writing.events.put(self._tenant_id, (), event_ids)
        await self._writing.profiles.touch(self._tenant_id, self._contact_id)

    async def _replace(self, profile: StoredProfile) -> None:
        if not self._dry_run:
            await self._writing.profile_records.replace(self._tenant_id, self._contact_id, profile)


async def _wrong_sight(session: Session, tenant_id: str, sight: Sight) -> set[str]:
    """The names of what is stored otherwise than it is to be seen."""
    stored = {(one.contact_id, one.key): one for one in await session.contact_threads.get(tenant_id, sight.pairs)}
    threads = {(one.contact_id, one.key): one for one in sight.threads if one.shown or one.mailbox}
    events = await session.events.get(tenant_id, [*sight.events, *sight.gone])
    parts = await session.thread_parts.get(tenant_id, sight.pairs)
    wrong = {
        "thread_parts": any(sight.parts[pair] != one for pair, one in parts.items()),
        "shown_messages": bool(sight.moved),
        "threads": stored != threads,
        "message_events": {event.event_id: event for event in events} != sight.events,
    }
    return {name for name, is_wrong in wrong.items() if is_wrong}


def _wrong_rows(tally: Tally) -> set[str]:
    return {name for kind, name in _ROWS.items() if any(tally.surplus(kind)) or any(tally.missing(kind))}


def _differing(stored: Profile, rebuilt: Profile) -> set[str]:
    # As dictionaries: two marks of one event are equal, whatever they say of it.
    before, after = asdict(stored), asdict(rebuilt)
    return {_NAMES.get(name, name) for name in before if before[name] != after[name]}


def _profile_of(totals: Totals, sessions: int, devices: int) -> Profile:
    return Profile(
        sources=tuple(sorted(totals.sources)),
        page_views=totals.page_views,
        sessions=sessions,
        device_count=devices,
        devices=tuple(sorted(totals.devices)),
        first_seen_at=totals.first_seen_at,
        last_seen_at=totals.last_seen_at,
        last_page=totals.last_page,
        first_referrer=totals.first_referrer,
        first_utm=totals.first_utm,
        last_utm=totals.last_utm,
    )


def _texts_of(devices: Iterable[Device]) -> Iterator[str]:
    return (orjson.dumps(list(device)).decode() for device in devices)


def _counted_of(kind: Kind, keys: Sequence[str]) -> list[CountedOnce]:
    return [Device(*orjson.loads(key)) for key in keys] if kind is Kind.DEVICE else list(keys)
