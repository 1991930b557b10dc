"""Store a batch of events from a source, each once, and in its contact's timeline if it has one."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from service.contacts.associate import VisitorAssociator
from service.contacts.context import Caller
from service.erasure.events import judge_events
from service.erasure.guard import ErasureGuard
from service.errors import ContendedError, DuplicateKeyError
from service.identity.linking import Linker
from service.identity.model import Identity, IdentityKind
from service.ledger.model import Outcome, Receipt, counts_of
from service.ops.metrics import VISITOR_CONFLICTS
from service.ports import Session, Store
from service.profile.model import Totals, totals_of
from service.timeline.model import VISITOR_CONFLICT, IngestResult, TimelineEvent

_ATTEMPTS = 10

Owners = Mapping[Identity, str]


@dataclass(frozen=True, slots=True)
class StoredEvents:
    """What one transaction did: the new events and those of them with a contact, the identities unknown and known.

    `conflicts`: of the new, how many carry a visitor id that is another contact's. `kept` are all events but those of
    erased persons, whose ids are `erased`."""

    new: frozenset[str]
    linked: Container[str]
    unknown: list[Identity]
    owners: Owners
    conflicts: int
    kept: Sequence[TimelineEvent] = ()
    erased: frozenset[str] = frozenset()


class Ingest:
    """The use-case behind the tracker's consumer."""

    def __init__(
        self,
        store: Store,
        linker: Linker,
        associate_visitor: VisitorAssociator,
        guard: ErasureGuard,
    ) -> None:
        self._store = store
        self._linker = linker
        self._guard = guard
        self._associate_visitor = associate_visitor
        self._redelivering = False

    async def __call__(
        self, events: Sequence[TimelineEvent], receipts: Sequence[Receipt] = (), dead: Sequence[Receipt] = ()
    ) -> IngestResult:
        """One transaction: the new events, linked if an identity of theirs is known, their contacts' figures, and the
        ledger: what became of each receipt, which are the events' own, in parallel, and those of `dead` records.

        Then, after its majority commit: the identities that were unknown are read again, for new events and for
        duplicates, and what has a contact by now is linked (design, decision 4). A batch that is handed in again
        changes nothing. What tells only of somebody who was erased is not stored. Raises StoreError's kinds; nothing of
        the batch is lost then, and it may be handed in again.
        """
        distinct = list({event.event_id: event for event in reversed(events)}.values())[::-1]

        async def work(look_up: bool) -> tuple[StoredEvents, dict[Outcome, int]]:
            stored = await store_unerased(session, self._guard, distinct, look_up=look_up)
            outcomes = outcomes_of(events, stored)
            counted = list(zip(receipts, outcomes, strict=True)) if receipts else []
            await session.ledger.count([*counted, *((receipt, Outcome.DEAD_LETTERED) for receipt in dead)])
            return stored, counts_of(outcomes)

        async with self._store.session() as session:
            stored, count = await self._transaction(session, work)
            VISITOR_CONFLICTS.inc(stored.conflicts)
            appeared = await session.identities.owners(stored.unknown)
            linked = await self._linker.link_known(session, appeared)
            await self._guard.look_again(session, stored.unknown)
            for contact_id, visitor in free_visitors(stored.kept, {**stored.owners, **appeared}):
                caller = Caller(visitor.tenant_id, actor=None, request_id=None)
                await self._associate_visitor(session, caller, contact_id, visitor)
        return IngestResult(
            stored=count[Outcome.STORED],
            parked=count[Outcome.PARKED],
            duplicates=count[Outcome.DUPLICATE],
            linked=count[Outcome.STORED] + linked,
            erased=count[Outcome.ERASED],
        )

    async def _transaction(
        self, session: Session, work: Callable[[bool], Awaitable[tuple[StoredEvents, dict[Outcome, int]]]]
    ) -> tuple[StoredEvents, dict[Outcome, int]]:
        """Nearly every event is new, so that they are not looked up at first; redelivered ones come many in a row."""
        look_up = self._redelivering
        for _ in range(_ATTEMPTS):
            try:
                stored, count = await session.transaction(partial(work, look_up))
            except DuplicateKeyError:
                # Something is stored already, maybe since our snapshot was taken.
                look_up = self._redelivering = True
                continue
            if look_up:
                self._redelivering = count[Outcome.DUPLICATE] > 0
            return stored, count
        raise ContendedError


async def store_unerased(
    session: Session, guard: ErasureGuard, events: Sequence[TimelineEvent], *, look_up: bool = True
) -> StoredEvents:
    """Within a transaction: `store_events`, but for what was erased; what a transaction beside the erasure stored of
    that goes, too."""
    judged = await judge_events(session, guard, events)
    by_tenant: defaultdict[str, list[str]] = defaultdict(list)
    for event in events:
        if event.event_id in judged.erased:
            by_tenant[event.tenant_id].append(event.event_id)
    for tenant_id, event_ids in by_tenant.items():
        await session.events.put(tenant_id, (), event_ids)
    stored = await store_events(session, judged.kept, look_up=look_up)
    return replace(stored, kept=judged.kept, erased=judged.erased)


async def store_events(session: Session, events: Sequence[TimelineEvent], *, look_up: bool = True) -> StoredEvents:
    """Within a transaction: store distinct events, each once, linked if an identity is known, with their figures.

    Without `look_up` all are taken for new. Raises DuplicateKeyError (the transaction is over) where one is not."""
    if not events:
        return StoredEvents(frozenset(), (), [], {}, 0)
    known_events = await session.events.stored([event.event_id for event in events]) if look_up else {}
    owners = await session.identities.owners({identity for event in events for identity in event.identities})
    new: list[TimelineEvent] = []
    contacts: dict[str, str] = {}
    unknown: dict[Identity, None] = {}
    conflicts = 0
    for event in events:
        contact_id = owner_of(event, owners)
        stored_awaiting = known_events.get(event.event_id)
        if stored_awaiting is None:
            if contact_id is not None:
                contacts[event.event_id] = contact_id
                if len(event.identities) > 1 and event.disputed(owners, contact_id):
                    event = replace(event, context={**event.context, VISITOR_CONFLICT: True})
                    conflicts += 1
            new.append(event)
        if stored_awaiting or (stored_awaiting is None and contact_id is None):
            unknown.update(dict.fromkeys(event.identities))
    if new:
        await session.events.insert(new, contacts)
    await _add_figures(session, new, contacts)
    return StoredEvents(frozenset(event.event_id for event in new), contacts, list(unknown), owners, conflicts)


def outcomes_of(events: Sequence[TimelineEvent], stored: StoredEvents) -> list[Outcome]:
    """What became of each, in parallel; of several alike the first is the new one."""
    outcomes: list[Outcome] = []
    left = set(stored.new)
    for event in events:
        if event.event_id in stored.erased:
            outcomes.append(Outcome.ERASED)
        elif event.event_id not in left:
            outcomes.append(Outcome.DUPLICATE)
        else:
            left.remove(event.event_id)
            outcomes.append(Outcome.STORED if event.event_id in stored.linked else Outcome.PARKED)
    return outcomes


async def _add_figures(session: Session, new: Sequence[TimelineEvent], contacts: Mapping[str, str]) -> None:
    """Add the events to their contacts' profiles; by writing those, conflict with whoever deletes such a contact."""
    by_contact: defaultdict[tuple[str, str], list[TimelineEvent]] = defaultdict(list)
    for event in new:
        contact_id = contacts.get(event.event_id)
        if contact_id is not None:
            by_contact[event.tenant_id, contact_id].append(event)
    by_tenant: defaultdict[str, dict[str, Totals]] = defaultdict(dict)
    for (tenant_id, contact_id), events in by_contact.items():
        by_tenant[tenant_id][contact_id] = totals_of(events)
    for tenant_id, totals in by_tenant.items():
        await session.profiles.add(tenant_id, totals)


def owner_of(event: TimelineEvent, owners: Owners) -> str | None:
    """Whose the event is: the contact of its strongest identity that has one."""
    for identity in event.identities:
        contact_id = owners.get(identity)
        if contact_id is not None:
            return contact_id
    return None


def free_visitors(events: Sequence[TimelineEvent], owners: Owners) -> list[tuple[str, Identity]]:
    """Visitor ids without a contact that were seen together with an external id that has one: (contact, visitor)."""
    found: dict[Identity, str] = {}
    for event in events:
        if len(event.identities) < 2:
            continue
        external = [one for one in event.identities if one.kind is IdentityKind.EXTERNAL and one in owners]
        for identity in event.identities:
            if external and identity.kind is IdentityKind.VISITOR and identity not in owners:
                found.setdefault(identity, owners[external[0]])
    return [(contact_id, visitor) for visitor, contact_id in found.items()]
