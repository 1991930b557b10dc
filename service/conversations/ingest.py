"""Store what a batch of records says of conversations, and put it into the timelines of whom it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.conversations.incoming import Delivery, MessageKey
from service.conversations.join import Knowledge, persons_of
from service.conversations.projection import refresh
from service.conversations.write import write_facts, write_rows
from service.erasure.deliveries import JudgedDelivery, judge_deliveries
from service.erasure.guard import ErasureGuard
from service.errors import ContendedError, DuplicateKeyError
from service.identity.linking import Linker
from service.identity.model import Identity
from service.ledger.model import Outcome, Receipt
from service.ports import Session, Store
from service.timeline.ingest import outcomes_of, store_unerased

_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class _Stored:
    """What one transaction did."""

    outcomes: list[Outcome]
    unknown: list[Identity]
    """Identities under which something awaits a contact."""
    left: list[Identity]
    """Identities that were erased, and under which something is stored none the less."""


class ConversationIngest:
    """The use-case behind the consumers of Gmail and Intercom."""

    def __init__(self, store: Store, linker: Linker, guard: ErasureGuard) -> None:
        self._store = store
        self._linker = linker
        self._guard = guard

    async def __call__(self, deliveries: Sequence[Delivery], dead: Sequence[Receipt]) -> list[Outcome]:
        """One transaction: what the deliveries tell, joined with what is known; rows for whom it concerns, linked where
        an address has a contact; what those contacts see, made anew; the ledger. Then the addresses that nobody had are
        looked up again (design, decision 4), for repeated deliveries too.

        What became of each delivery, in order. A batch that is handed in again changes nothing. What is of somebody who
        was erased is left out of it (`service.erasure.deliveries`). Raises StoreError's kinds; nothing of the batch is
        lost then, and it may be handed in again.
        """
        async with self._store.session() as session:
            stored = await self._attempt(session, deliveries, dead)
            appeared = await session.identities.owners(stored.unknown)
            await self._linker.link_known(session, appeared)
            await self._guard.look_again(session, [*stored.unknown, *stored.left])
        return stored.outcomes

    async def _attempt(self, session: Session, deliveries: Sequence[Delivery], dead: Sequence[Receipt]) -> _Stored:
        for _ in range(_ATTEMPTS):
            try:
                return await session.transaction(lambda: _store(session, self._guard, deliveries, dead))
            except DuplicateKeyError:
                # Another process stored the same thing after our snapshot was taken: look again.
                continue
        raise ContendedError


async def _store(session: Session, guard: ErasureGuard, told: Sequence[Delivery], dead: Sequence[Receipt]) -> _Stored:
    """One transaction's work."""
    judged = await judge_deliveries(session, guard, told)
    deliveries = [one.delivery for one in judged]
    knowledge = await _known(session, deliveries)
    news = [knowledge.take(delivery) for delivery in deliveries]
    gone = await write_facts(session, knowledge, [one for one, new in zip(deliveries, news, strict=True) if new])
    rows = await write_rows(session, knowledge, gone)
    await refresh(session, [*rows.touched, *rows.removed, *rows.left])
    events = [event for delivery in deliveries for event in delivery.events]
    stored = await store_unerased(session, guard, list({event.event_id: event for event in events}.values()))
    of_events, bound = iter(outcomes_of(events, stored)), rows.bound()
    outcomes = [
        _outcome(one, new, bound, [next(of_events) for _ in one.delivery.events])
        for one, new in zip(judged, news, strict=True)
    ]
    receipts = [delivery.receipt for delivery in deliveries]
    counted = [*zip(receipts, outcomes, strict=True), *((receipt, Outcome.DEAD_LETTERED) for receipt in dead)]
    await session.ledger.count(sorted(counted, key=lambda item: item[0][:3]))
    return _Stored(outcomes, [*rows.awaiting(), *stored.unknown], await _left(session, judged))


async def _left(session: Session, judged: Sequence[JudgedDelivery]) -> list[Identity]:
    """A transaction beside the erasure may have stored what this delivery tells again."""
    touched = {key for one in judged for key in one.touched}
    if not touched:
        return []
    known = await session.messages.headers(touched)
    gone = {identity.value: identity for one in judged for identity in one.gone}
    return [gone[one] for record in known.values() for one in record.addresses if one in gone]


async def _known(session: Session, deliveries: Sequence[Delivery]) -> Knowledge:
    told = [fact for delivery in deliveries for fact in delivery.threads]
    messages = await session.messages.headers({fact.key for one in deliveries for fact in one.messages})
    threads = await session.source_threads.get({fact.key for fact in told})
    persons = {fact.key for delivery in deliveries for fact in delivery.persons}
    persons |= {key for known in threads for key in persons_of(known)}
    persons |= {key for fact in told for key in persons_of(fact)}
    return Knowledge(messages.values(), threads, await session.source_threads.persons(persons))


def _outcome(judged: JudgedDelivery, new: bool, bound: set[MessageKey], events: Sequence[Outcome]) -> Outcome:
    delivery = judged.delivery
    if judged.erased:
        return Outcome.ERASED
    if not new:
        return min(events, key=_TELLS_MOST.index, default=Outcome.DUPLICATE)
    if delivery.messages and bound.isdisjoint(fact.key for fact in delivery.messages):
        return Outcome.PARKED
    return Outcome.STORED


_TELLS_MOST = [Outcome.STORED, Outcome.PARKED, Outcome.ERASED, Outcome.DUPLICATE]
