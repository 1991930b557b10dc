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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contacts import CreateContact
from schemas.events import Source
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.conversations import projection
from service.conversations.incoming import Delivery
from service.conversations.ingest import ConversationIngest
from service.conversations.model import ConversationRow
from service.errors import IdentityTakenError
from service.identity.linking import Linker
from service.ledger.model import Outcome
from service.timeline.model import TimelineEvent
from tests.support.conversation_facts import PEOPLE, TENANT, deliveries
from tests.support.events import MORNING
from tests.support.interleaving import interleave, run_to_end, turn
from tests.support.memory_store import MemoryStore


@pytest.fixture(autouse=True)
def large_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of two messages is a large one, and kept in parts."""
    monkeypatch.setattr(projection, "LARGE", 1)


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
                told_of(names[event.contact_id], event): replace(
                    event, event_id="", received_at=MORNING, contact_id=names[event.contact_id]
                )
                for key, event in memory.all("event").items()
                if key not in crm
            },
            "figures": {
                names[contact_id]: one for (_, contact_id), one in memory.all("conversed").items() if one.counts
            },
        }


def told_of(contact: str, event: TimelineEvent) -> tuple[str, str, str, str]:
    """What decides an event's id, which is another for each contact: whose it is, as whom, and the copy shown."""
    return contact, event.identities[0].value, event.data["account"], event.data["message_id"]


def _named(row: ConversationRow, names: Mapping[str, str]) -> ConversationRow:
    return replace(row, contact_id=names[row.contact_id] if row.contact_id else None)


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
    assert state["events"].keys() == {
        (row.contact_id, row.address, row.account, row.message_id) for row in rows if row.shown and row.contact_id
    }
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
