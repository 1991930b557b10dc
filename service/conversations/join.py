"""Joining facts, pure: any order, any repetition, any grouping of deliveries ends in the same knowledge.

What is kept of each thing only ever moves up: a content of greater rank, a state of greater version, more
addresses, more persons, more e-mail addresses of a person; and a deletion is above everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.timestamps import EPOCH
from service.conversations.incoming import (
    Content,
    Delivery,
    MessageFact,
    MessageKey,
    MessageState,
    PersonFact,
    PersonKey,
    ThreadFact,
    digest,
)
from service.conversations.model import Direction, ThreadKey

_NO_VERSION = (0, 0)


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """All that is known of a message. `fingerprint` decides between contents of equal rank, which are equal but for
    what sources get wrong. A deleted one has nothing else any more."""

    key: MessageKey
    received_at: datetime
    thread: ThreadKey | None = None
    content: Content | None = None
    fingerprint: str = ""
    addresses: frozenset[str] = frozenset()
    state: MessageState | None = None
    deleted: bool = False

    @property
    def visible(self) -> bool:
        """Whether it may be shown at all."""
        return self.content is not None and not self.deleted and (self.state is None or self.state.hidden is None)

    @property
    def direction(self) -> Direction:
        """As this copy tells it. Only for one with content."""
        if self.state is not None and self.state.direction is not None:
            return self.state.direction
        return self.content.direction if self.content else Direction.INBOUND


@dataclass(frozen=True, slots=True)
class SourceThread:
    """All that is known of a conversation as its source has it."""

    key: ThreadKey
    version: int = 0
    state: str | None = None
    persons: frozenset[str] = frozenset()
    deleted: bool = False


def join_message(known: MessageRecord | None, fact: MessageFact, received_at: datetime) -> MessageRecord:
    """`known` itself where the fact tells nothing new."""
    record = known or MessageRecord(fact.key, received_at)
    if record.deleted:
        return record
    if fact.deleted:
        return MessageRecord(fact.key, record.received_at, deleted=True)
    joined = replace(
        record,
        thread=record.thread or fact.thread,
        addresses=record.addresses | frozenset(fact.content.addresses if fact.content else ()),
        state=_greater_state(record.state, fact.state),
    )
    joined = _with_content(joined, fact.content)
    return joined if joined != known else known


def _with_content(record: MessageRecord, content: Content | None) -> MessageRecord:
    if content is None or (record.content is not None and content.rank < record.content.rank):
        return record
    fingerprint = fingerprint_of(content)
    if record.content is not None and (content.rank, fingerprint) <= (record.content.rank, record.fingerprint):
        return record
    return replace(record, content=content, fingerprint=fingerprint)


def _greater_state(known: MessageState | None, told: MessageState | None) -> MessageState | None:
    if told is None or known is None:
        return known or told
    if told.version is None:
        # A change without a version is to what is there now, and comes after it.
        return replace(told, version=known.version)
    return max(known, told, key=_state_order)


def _state_order(state: MessageState) -> tuple[tuple[int, int], str, str]:
    return state.version or _NO_VERSION, str(state.hidden or ""), str(state.direction or "")


def fingerprint_of(content: Content) -> str:
    """The same for equal contents, and for contents that differ in no more than when they came."""
    if not content.dated:
        content = replace(content, message=replace(content.message, sent_at=EPOCH))
    return digest(repr(content))


def join_thread(known: SourceThread | None, fact: ThreadFact) -> SourceThread:
    """`known` itself where the fact tells nothing new."""
    thread = known or SourceThread(fact.key)
    if thread.deleted:
        return thread
    if fact.deleted:
        return SourceThread(fact.key, deleted=True)
    version, state = max((thread.version, thread.state or ""), (fact.version, fact.state or ""))
    joined = SourceThread(fact.key, version, state or None, thread.persons | fact.persons)
    return joined if joined != known else known


class Knowledge:
    """What is known of the things that a batch speaks of, joined with what it says of them, one delivery at a time."""

    def __init__(
        self,
        messages: Iterable[MessageRecord],
        threads: Iterable[SourceThread],
        persons: Mapping[PersonKey, frozenset[str]],
    ) -> None:
        self.messages = {record.key: record for record in messages}
        self.threads = {thread.key.conversation_id: thread for thread in threads}
        self.persons = dict(persons)
        self._threads_before = dict(self.threads)
        self.before = dict(self.messages)
        self.changed_messages: set[MessageKey] = set()
        self.changed_threads: set[str] = set()
        self.changed_persons: set[PersonKey] = set()
        self._grown: set[str] = set()

    def take(self, delivery: Delivery) -> bool:
        """Whether it told anything new."""
        told = [self._take_thread(fact) for fact in delivery.threads]
        told += [self._take_person(fact) for fact in delivery.persons]
        told += [self._take_message(fact, delivery.received_at) for fact in delivery.messages]
        return any(told)

    @property
    def contents_changed(self) -> set[MessageKey]:
        """Messages whose content is not the one that is stored."""
        known = {key: record.fingerprint for key, record in self.before.items()}
        return {key for key in self.changed_messages if self.messages[key].fingerprint != known.get(key, "")}

    def grew(self, thread: SourceThread) -> bool:
        """Whether it concerns more people than was known."""
        return thread.key.conversation_id in self._grown or not self.changed_persons.isdisjoint(persons_of(thread))

    def in_deleted_thread(self, fact: MessageFact | MessageRecord) -> bool:
        """Whether the whole conversation is gone at its source."""
        thread = self.threads.get(fact.thread.conversation_id) if fact.thread else None
        return thread is not None and thread.deleted

    def addresses(self, record: MessageRecord) -> frozenset[str]:
        """Whose the message is: its own addresses, and those of the persons that its conversation belongs to."""
        if record.thread is None:
            return record.addresses
        persons = self.persons_in(record.thread.conversation_id)
        return record.addresses.union(*(self.persons.get(key, frozenset()) for key in persons))

    def persons_in(self, conversation_id: str) -> set[PersonKey]:
        """Whose the conversation is, and was: one that is deleted has nobody in it any more."""
        threads = (known.get(conversation_id) for known in (self.threads, self._threads_before))
        return {key for thread in threads if thread is not None for key in persons_of(thread)}

    def _take_message(self, fact: MessageFact, received_at: datetime) -> bool:
        if self.in_deleted_thread(fact):
            return False
        known = self.messages.get(fact.key)
        self.messages[fact.key] = joined = join_message(known, fact, received_at)
        if joined is known:
            return False
        self.changed_messages.add(fact.key)
        return True

    def _take_thread(self, fact: ThreadFact) -> bool:
        known = self.threads.get(fact.key.conversation_id)
        self.threads[fact.key.conversation_id] = joined = join_thread(known, fact)
        if joined is known:
            return False
        self.changed_threads.add(fact.key.conversation_id)
        if known is None or joined.persons != known.persons:
            self._grown.add(fact.key.conversation_id)
        return True

    def _take_person(self, fact: PersonFact) -> bool:
        known = self.persons.get(fact.key, frozenset())
        self.persons[fact.key] = known | fact.emails
        if fact.emails <= known:
            return False
        self.changed_persons.add(fact.key)
        return True


def persons_of(thread: SourceThread | ThreadFact) -> list[PersonKey]:
    """The keys of the persons in it."""
    return [PersonKey(thread.key.tenant_id, thread.key.source, one) for one in sorted(thread.persons)]
