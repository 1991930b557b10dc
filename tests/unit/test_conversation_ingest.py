"""Conversations end the same, whatever came when, how often, together with what, and whoever died meanwhile.

Deliveries of Gmail's and Intercom's kind are generated as facts, and contacts are created among them. They are played
by hypothesis' schedule over a store with MongoDB's isolation, and the end is compared with that of the plain story:
each delivery once, in order, and the contacts last.
"""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contacts import CreateContact
from schemas.events import Source
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.conversations.incoming import (
    Content,
    Delivery,
    Hidden,
    MessageFact,
    MessageKey,
    MessageState,
    PersonFact,
    PersonKey,
    ThreadFact,
    thread_key,
)
from service.conversations.ingest import ConversationIngest
from service.conversations.model import ConversationRow, Direction, Message, Participant
from service.conversations.rows import event_id
from service.errors import IdentityTakenError
from service.identity.linking import Linker
from service.ledger.model import Outcome, Receipt
from tests.support.events import MORNING
from tests.support.interleaving import interleave, run_to_end, turn
from tests.support.memory_store import MemoryStore

TENANT = "t"
PEOPLE = ["ada@example.com", "eve@example.com"]
MAILBOXES = ["m1@ours.example", "m2@ours.example"]


class World:
    """One store, and everybody who works on it."""

    def __init__(self) -> None:
        self.store = cast("Any", MemoryStore(turn))
        self.now = MORNING
        ids = itertools.count()
        self.linker = Linker(self.store, lambda: self.now)
        self.ingest = ConversationIngest(self.store, self.linker)
        self.create = ContactCreator(self.store, self.linker, lambda: self.now, lambda: f"ct_{next(ids)}")

    async def create_contact(self, email: str) -> None:
        try:
            await self.create(Caller(TENANT, "key", None), CreateContact(email=email))
        except IdentityTakenError:
            return

    def killed(self) -> None:
        """What a process held in memory is gone."""
        self.linker._finished.clear()
        self.linker._unfinished.clear()

    def settle(self) -> None:
        """Time passes, and whoever sweeps, sweeps."""
        self.now += timedelta(days=36_500)
        run_to_end(self.linker.work_off())
        run_to_end(self.linker.sweep())
        run_to_end(self.linker.flush())

    def state(self) -> dict[str, Any]:
        """All that is stored of conversations; contacts by their addresses, since their ids depend on the order."""
        memory = self.store.memory
        names = {contact.contact_id: contact.email for contact in memory.all("contact").values()}
        crm = {key for key, event in memory.all("event").items() if event.source is Source.CRM}
        return {
            "messages": {key: replace(record, received_at=MORNING) for key, record in memory.all("message").items()},
            "source_threads": memory.all("source_thread"),
            "persons": {key: emails for key, (emails, _) in memory.all("person").items() if emails},
            "rows": {key: _named(row, names) for key, row in memory.all("row").items()},
            "threads": {
                (names[contact_id], conversation): replace(thread, contact_id=names[contact_id])
                for (contact_id, conversation), thread in memory.all("contact_thread").items()
            },
            "events": {
                key: replace(event, received_at=MORNING, contact_id=names[event.contact_id])
                for key, event in memory.all("event").items()
                if key not in crm
            },
            "figures": {
                names[contact_id]: one for (_, contact_id), one in memory.all("conversed").items() if one.counts
            },
        }


def _named(row: ConversationRow, names: Mapping[str, str]) -> ConversationRow:
    return replace(row, contact_id=names[row.contact_id] if row.contact_id else None)


# --- What sources say ---------------------------------------------------------------------------------------------


def mail(
    mailbox: str,
    number: int,
    copy: int | None,
    who: list[str],
    version: int,
    labels: Hidden | None,
    sent: bool,
    completeness: int,
) -> Delivery:
    """A mail as one fetch of it gives it; the same number is the same mail."""
    key = MessageKey(TENANT, Source.GMAIL, mailbox, f"g{number}")
    message = Message(
        TENANT,
        Source.GMAIL,
        mailbox,
        key.message_id,
        MORNING + timedelta(minutes=number),
        sender=Participant(who[0]),
        subject=f"Subject {number}",
        text="text" if completeness > 1 else None,
    )
    thread = thread_key(TENANT, Source.GMAIL, mailbox, f"th{number % 2}")
    content = Content(message, (completeness, 0), Direction.INBOUND, tuple(who), f"copy{copy}" if copy else None)
    state = MessageState((version, 0), labels, Direction.OUTBOUND if sent else None)
    return delivery(messages=(MessageFact(key, thread, content if completeness else None, state),))


def delivery(**told: Any) -> Delivery:
    return Delivery(Receipt("topic", 0, 0, TENANT), MORNING, **told)


# A mail's content never changes: its number decides what it is.
MAIL_FACTS = [(None, PEOPLE[:1]), (1, PEOPLE), (1, PEOPLE), (2, PEOPLE[1:])]
mails = st.builds(
    lambda mailbox, number, version, labels, sent, completeness: mail(
        mailbox, number, MAIL_FACTS[number][0], MAIL_FACTS[number][1], version, labels, sent, completeness
    ),
    st.sampled_from(MAILBOXES),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from([None, None, *Hidden]),
    st.booleans(),
    st.integers(0, 2),
)
mails_deleted = st.builds(
    lambda mailbox, number: delivery(
        messages=(MessageFact(MessageKey(TENANT, Source.GMAIL, mailbox, f"g{number}"), deleted=True),)
    ),
    st.sampled_from(MAILBOXES),
    st.integers(0, 3),
)


def part(
    conversation: str, number: int, version: int, persons: set[str], redacted: bool, internal: bool, state: str
) -> Delivery:
    """A notification of a conversation: one part, and what it says of the conversation."""
    thread = thread_key(TENANT, Source.INTERCOM, conversation, conversation)
    key = MessageKey(TENANT, Source.INTERCOM, conversation, f"p{number}")
    message = Message(
        TENANT,
        Source.INTERCOM,
        conversation,
        key.message_id,
        MORNING + timedelta(minutes=number),
        text="redacted" if redacted else f"version {version}",
    )
    hidden = Hidden.INTERNAL if internal else None
    content = Content(message, (redacted, version), Direction.INBOUND if number % 2 else Direction.OUTBOUND)
    return delivery(
        messages=(MessageFact(key, thread, content, MessageState((version, 0), hidden)),),
        threads=(ThreadFact(thread, version, state, frozenset(persons)),),
    )


PERSONS = ["i1", "i2"]
CONVERSATIONS = ["c1", "c2"]
parts = st.builds(
    part,
    st.sampled_from(CONVERSATIONS),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sets(st.sampled_from(PERSONS)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["open", "closed"]),
)
conversations_deleted = st.builds(
    lambda one: delivery(threads=(ThreadFact(thread_key(TENANT, Source.INTERCOM, one, one), deleted=True),)),
    st.sampled_from(CONVERSATIONS),
)
addresses_learned = st.builds(
    lambda person, email: delivery(
        persons=(PersonFact(PersonKey(TENANT, Source.INTERCOM, person), frozenset({email})),)
    ),
    st.sampled_from(PERSONS),
    st.sampled_from(PEOPLE),
)
deliveries = st.one_of(mails, mails, parts, parts, addresses_learned, mails_deleted, conversations_deleted)

stories = st.fixed_dictionaries(
    {
        "deliveries": st.lists(deliveries, min_size=1, max_size=7),
        "batches": st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), max_size=4),
        "order": st.randoms(use_true_random=False),
        "contacts": st.lists(st.sampled_from(PEOPLE), unique=True, max_size=2),
        "schedule": st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=150),
    }
)


def numbered(one: Delivery, offset: int) -> Delivery:
    return replace(one, receipt=one.receipt._replace(offset=offset))


def plain(story: dict[str, Any]) -> World:
    world = World()
    for number, one in enumerate(story["deliveries"]):
        run_to_end(world.ingest([numbered(one, number)], []))
    for email in story["contacts"]:
        run_to_end(world.create_contact(email))
    world.settle()
    return world


def played(story: dict[str, Any]) -> World:
    world = World()
    every = story["deliveries"]
    missing = [n for n in range(len(every)) if not any(n in batch for batch in story["batches"])]
    batches = [[n % len(every) for n in batch] for batch in [*story["batches"], *([missing] if missing else [])]]
    works: list[Any] = [
        *(lambda batch=batch: world.ingest([every[n] for n in batch], []) for batch in batches),
        *(lambda email=email: world.create_contact(email) for email in story["contacts"]),
    ]
    story["order"].shuffle(works)
    interleave(works, story["schedule"], world.killed)
    world.settle()
    return world


@settings(max_examples=500, deadline=None)
@given(stories)
def test_any_order_any_repetition_and_any_death_end_the_same(story: dict[str, Any]) -> None:
    assert played(story).state() == plain(story).state()


@settings(max_examples=300, deadline=None)
@given(stories)
def test_every_shown_message_is_one_event_in_the_timeline_of_each_contact_concerned(story: dict[str, Any]) -> None:
    world = played(story)
    state = world.state()

    rows = state["rows"].values()
    known = set(story["contacts"])
    assert all((row.contact_id is not None) == (row.address in known) for row in rows)
    visible = {(row.contact_id, row.copy) for row in rows if row.visible and row.contact_id}
    shown = [(row.contact_id, row.copy) for row in rows if row.shown and row.contact_id]
    assert sorted(shown) == sorted(visible)
    assert state["events"].keys() == {event_id(row) for row in rows if row.shown and row.contact_id}
    assert not world.store.memory.all("task")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(deliveries, min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=6), st.sampled_from([[], PEOPLE])
)
def test_every_record_is_accounted_for_once_whatever_is_delivered_again(
    told: list[Delivery], again: list[int], contacts: list[str]
) -> None:
    world = World()
    for email in contacts:
        run_to_end(world.create_contact(email))
    outcomes: list[Outcome] = []

    async def ingest(one: Delivery) -> None:
        outcomes.extend(await world.ingest([one], []))

    for offset, one in enumerate(told):
        run_to_end(ingest(numbered(one, offset)))
    counted = dict(world.store.memory.all("ledger"))
    before = world.state()
    first = list(outcomes)
    for number in again:
        run_to_end(ingest(numbered(told[number % len(told)], number % len(told))))

    assert world.store.memory.all("ledger") == counted
    assert world.state() == before
    assert set(outcomes[len(first) :]) <= {Outcome.DUPLICATE}
    (row,) = counted.values()
    assert row.next_offset == len(told)
    assert {outcome: row.counts.get(outcome, 0) for outcome in Outcome} == {
        outcome: first.count(outcome) for outcome in Outcome
    }
