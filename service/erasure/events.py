"""Keeping events of erased persons out. Pure but for two reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.erasure.guard import Erased, ErasureGuard
from service.erasure.model import handle_of
from service.identity.model import Identity, IdentityKind
from service.ports import Session
from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class JudgedEvents:
    """`kept` are to be stored, without what is erased in them; `erased` are the ids of the others."""

    kept: list[TimelineEvent]
    erased: frozenset[str] = frozenset()


async def judge_events(session: Session, guard: ErasureGuard, events: Sequence[TimelineEvent]) -> JudgedEvents:
    """Within the transaction that is to store them."""
    identities = {identity for event in events for identity in event.identities}
    erased = await guard.find(session, map(handle_of, identities))
    if not erased:
        return JudgedEvents(list(events))
    owned = frozenset(await session.identities.owners(identities))
    gone = frozenset(event.event_id for event in events if belongs_to_erased(event, erased, owned))
    kept = [without_erased(event, erased) for event in events if event.event_id not in gone]
    return JudgedEvents(kept, gone)


def belongs_to_erased(event: TimelineEvent, erased: Erased, owned: frozenset[Identity]) -> bool:
    """Whether the strongest of its identities that says anything is one that was erased."""
    for identity in event.identities:
        if erased.has(handle_of(identity), event.timestamp, event.received_at):
            return True
        if identity in owned:
            return False
    return False


def without_erased(event: TimelineEvent, erased: Erased) -> TimelineEvent:
    """Another's event, without the identities in it that were erased."""
    gone = [one for one in event.identities if erased.has(handle_of(one), event.timestamp, event.received_at)]
    return without_identities(event, gone)


def without_identities(event: TimelineEvent, gone: Sequence[Identity]) -> TimelineEvent:
    """The event, known by the others alone."""
    if not gone:
        return event
    by_visitor = any(one.kind is IdentityKind.VISITOR for one in gone)
    return replace(
        event,
        identities=tuple(one for one in event.identities if one not in gone),
        visitor_id=None if by_visitor else event.visitor_id,
    )
