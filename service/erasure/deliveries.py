"""Keeping erased persons out of conversations: a delivery without what is theirs. Pure but for one read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.events import Source
from service.conversations.incoming import Delivery, MessageFact, MessageKey, PersonFact, PersonKey, ThreadFact
from service.conversations.join import persons_of
from service.conversations.model import Message
from service.erasure.guard import Erased, ErasureGuard
from service.erasure.model import Handle, email_handle, handle_of_person
from service.erasure.redact import TOLD, Person, without_person, words_beside
from service.identity.model import Identity, IdentityKind
from service.ports import Session


@dataclass(frozen=True, slots=True)
class JudgedDelivery:
    """What is left of a delivery, its events aside; `erased` where all that it told is gone. `touched` are the messages
    that were left out or changed, and `gone` the addresses because of which."""

    delivery: Delivery
    erased: bool = False
    touched: tuple[MessageKey, ...] = ()
    gone: tuple[Identity, ...] = ()


async def judge_deliveries(
    session: Session, guard: ErasureGuard, deliveries: Sequence[Delivery]
) -> list[JudgedDelivery]:
    """Within the transaction that is to store them."""
    erased = await guard.find(session, {handle for delivery in deliveries for handle in _handles(delivery)})
    if not erased:
        return [JudgedDelivery(delivery) for delivery in deliveries]
    return [judge_delivery(delivery, erased) for delivery in deliveries]


def judge_delivery(delivery: Delivery, erased: Erased) -> JudgedDelivery:
    """The delivery without what is of erased persons, each fact by its own time and that of its arrival."""
    judge = _Judge(delivery, erased)
    threads = [one for fact in delivery.threads if (one := judge.thread(fact)) is not None]
    persons = [known for fact in delivery.persons if (known := judge.person(fact)) is not None]
    pairs = [(fact, judge.message(fact)) for fact in delivery.messages]
    messages = tuple(one for _, one in pairs if one is not None)
    left = replace(delivery, messages=messages, threads=tuple(threads), persons=tuple(persons))
    if left == delivery:
        return JudgedDelivery(delivery)
    touched = [(old, new) for old, new in pairs if new is not old]
    gone = {one for old, _ in touched for one in judge.gone_in(old)}
    return JudgedDelivery(
        left,
        erased=not (left.messages or left.threads or left.persons or left.events),
        touched=tuple(old.key for old, _ in touched),
        gone=tuple(Identity(delivery.receipt.tenant_id or "", IdentityKind.EMAIL, one) for one in sorted(gone)),
    )


class _Judge:
    """Judges the facts of one delivery."""

    def __init__(self, delivery: Delivery, erased: Erased) -> None:
        self._erased = erased
        self._received_at = delivery.received_at
        self._emails = {fact.key: fact.emails for fact in delivery.persons}
        self._told = {fact.key.conversation_id: fact for fact in delivery.threads}

    def any_gone(self, handles: Iterable[Handle], at: datetime) -> bool:
        return any(self._erased.has(handle, at, self._received_at) for handle in handles)

    def thread(self, fact: ThreadFact) -> ThreadFact | None:
        """Without the persons who are gone; None if it was theirs alone."""
        left = self._left(fact, self._received_at)
        if fact.persons and not left:
            return None
        return fact if left == fact.persons else replace(fact, persons=left)

    def person(self, fact: PersonFact) -> PersonFact | None:
        """Without the addresses that are gone; None if none is left."""
        if self._is_gone(fact.key, self._received_at):
            return None
        tenant_id = fact.key.tenant_id
        left = frozenset(x for x in fact.emails if not self.any_gone([email_handle(tenant_id, x)], self._received_at))
        return fact if left == fact.emails else replace(fact, emails=left)

    def message(self, fact: MessageFact) -> MessageFact | None:
        """Without the persons who are gone; None if it concerns nobody else. What has no content names nobody."""
        content = fact.content
        if content is None:
            return fact
        at = content.message.sent_at
        told = self._told.get(fact.thread.conversation_id) if fact.thread else None
        if told is not None and told.persons and not self._left(told, at):
            return None
        gone = frozenset(self.gone_in(fact))
        if content.addresses and gone.issuperset(content.addresses):
            return None
        if not gone:
            return fact
        person = Person(gone, words_beside(content.message, gone))
        return replace(fact, content=without_person(content, person, TOLD))

    def gone_in(self, fact: MessageFact) -> list[str]:
        """The addresses in a message that are gone."""
        if fact.content is None:
            return []
        tenant_id, at = fact.key.tenant_id, fact.content.message.sent_at
        return [one for one in _addresses(fact) if self.any_gone([email_handle(tenant_id, one)], at)]

    def _left(self, fact: ThreadFact, at: datetime) -> frozenset[str]:
        gone = {person.person_id for person in persons_of(fact) if self._is_gone(person, at)}
        return fact.persons - gone

    def _is_gone(self, person: PersonKey, at: datetime) -> bool:
        """Marked itself, or known by nothing but addresses that are."""
        if self.any_gone([handle_of_person(person)], at):
            return True
        emails = self._emails.get(person, frozenset())
        return bool(emails) and all(self.any_gone([email_handle(person.tenant_id, one)], at) for one in emails)


def _handles(delivery: Delivery) -> Iterable[Handle]:
    """All that somebody could be known by in it."""
    for fact in delivery.messages:
        yield from (email_handle(fact.key.tenant_id, one) for one in _addresses(fact))
    for person in delivery.persons:
        yield handle_of_person(person.key)
        yield from (email_handle(person.key.tenant_id, one) for one in person.emails)
    for thread in delivery.threads:
        yield from map(handle_of_person, persons_of(thread))


def _addresses(fact: MessageFact) -> list[str]:
    """In lower case: those whose message it is, and all others named in it."""
    if fact.content is None:
        return []
    message: Message = fact.content.message
    named = [one.address.lower() for one in (message.sender, *message.to, *message.cc) if one and one.address]
    account = [message.account.lower()] if message.source is Source.GMAIL else []
    # The mailbox is ours: nobody is taken out of their own.
    return [one for one in dict.fromkeys([*fact.content.addresses, *named]) if one not in account]
