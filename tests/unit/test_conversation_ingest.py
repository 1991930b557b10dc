"""Conversations end the same, whatever came when, how often, together with what, and whoever died meanwhile.

Deliveries of Gmail's and Intercom's kind are generated as facts, and contacts are created among them. They are played
by hypothesis' schedule over a store with MongoDB's isolation, and the end is compared with that of the plain story:
each delivery once, in order, and the contacts last.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.conversations import projection
from service.conversations.incoming import Delivery
from service.ledger.model import Outcome
from tests.support.conversation_facts import (
    CONVERSATIONS,
    PEOPLE,
    addresses_learned,
    conversations_deleted,
    deliveries,
    parts,
)
from tests.support.conversation_world import World, numbered, plain, played, stories
from tests.support.interleaving import run_to_end


@pytest.fixture(autouse=True)
def large_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of two messages is a large one, and kept in parts."""
    monkeypatch.setattr(projection, "LARGE", 1)


# Everything about one conversation and one person: what happens at once concerns the same thing nearly always.
one_conversation = st.fixed_dictionaries(
    {
        "deliveries": st.lists(
            st.one_of(
                parts.filter(lambda one: one.threads[0].key.thread_id == CONVERSATIONS[0]),
                conversations_deleted.filter(lambda one: one.threads[0].key.thread_id == CONVERSATIONS[0]),
                addresses_learned,
            ),
            min_size=2,
            max_size=5,
        ),
        "batches": st.just([[n] for n in range(5)]),
        "order": st.randoms(use_true_random=False),
        "contacts": st.just(PEOPLE),
        "schedule": st.lists(st.tuples(st.integers(0, 7), st.just(1)), min_size=50, max_size=250),
    }
)


@settings(max_examples=500, deadline=None)
@given(stories(deliveries, PEOPLE) | one_conversation)
def test_any_order_any_repetition_and_any_death_end_the_same(story: dict[str, Any]) -> None:
    assert played(story).state() == plain(story).state()


@settings(max_examples=300, deadline=None)
@given(stories(deliveries, PEOPLE))
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
