"""What mailboxes and Intercom workspaces send ends the same, in any order, repetition and interleaving with contacts.

From the providers' own JSON through the consumers' normalisers and the core, over a store in memory with MongoDB's
isolation: mails and conversations that are made up, and the real ones of the shared folder, where it is.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.runtime.outcomes import InvalidRecordError
from service.conversations.incoming import Delivery
from service.ledger.model import Outcome
from tests.support.conversation_facts import TENANT
from tests.support.conversation_world import World, numbered, plain, played, stories
from tests.support.gmail import RECEIVED, gmail_message
from tests.support.intercom import Chat
from tests.support.interleaving import run_to_end
from tests.support.source_records import PEOPLE, Sent, delivery_of, frequent_addresses, made_up, real

REAL = real()
ADDRESSES = frequent_addresses(REAL, 8)
thorough = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def told(sent: Sent) -> Delivery:
    return delivery_of(sent, TENANT)


def real_deliveries() -> list[Delivery]:
    """Of all that is real and valid."""
    found = []
    for one in REAL:
        try:
            found.append(told(one))
        except InvalidRecordError:
            continue
    return found


@thorough
@given(stories(made_up.map(told), PEOPLE))
def test_what_is_made_up_ends_the_same(story: dict[str, Any]) -> None:
    assert played(story).state() == plain(story).state()


if REAL:
    DELIVERIES = real_deliveries()

    @thorough
    @given(stories(st.sampled_from(DELIVERIES), ADDRESSES))
    def test_what_is_real_ends_the_same(story: dict[str, Any]) -> None:
        assert played(story).state() == plain(story).state()

    @settings(max_examples=8, deadline=None)
    @given(st.randoms(use_true_random=False))
    def test_all_that_is_real_in_any_order_ends_the_same(shuffled: Any) -> None:
        order = shuffled.sample([*DELIVERIES, *DELIVERIES], 2 * len(DELIVERIES))
        cut = shuffled.randrange(len(order))
        assert ended(order[:cut], ADDRESSES, order[cut:]) == ended(DELIVERIES, ADDRESSES, [])


def ended(before: list[Delivery], contacts: list[str], after: list[Delivery]) -> dict[str, Any]:
    """The state after two batches with the contacts created in between."""
    world = World()
    for batch in (before, after):
        run_to_end(world.ingest([numbered(one, offset) for offset, one in enumerate(batch)], []))
        for email in contacts:
            run_to_end(world.create_contact(email))
    world.settle()
    return world.state()


def outcomes_of(world: World, deliveries: list[Delivery]) -> list[Outcome]:
    found: list[Outcome] = []

    async def ingest(one: Delivery) -> None:
        found.extend(await world.ingest([one], []))

    for offset, one in enumerate(deliveries):
        run_to_end(ingest(numbered(one, offset)))
    return found


def redelivered(sent: list[Sent], contacts: list[str]) -> None:
    """A day later, as after a gap, when the provider side resynchronises everything."""
    world = World()
    for email in contacts:
        run_to_end(world.create_contact(email))
    outcomes_of(world, [told(one) for one in sent])
    world.settle()
    before = world.state()
    later = [delivery_of(one, TENANT, RECEIVED + timedelta(days=1)) for one in sent]
    outcomes = outcomes_of(world, later)
    assert {one.name for one, outcome in zip(sent, outcomes, strict=True) if outcome is not Outcome.DUPLICATE} == set()
    world.settle()
    assert world.state() == before


@thorough
@given(st.lists(made_up, min_size=1, max_size=7))
def test_full_redelivery_of_what_is_made_up_changes_nothing(sent: list[Sent]) -> None:
    redelivered(sent, PEOPLE[:1])


@pytest.mark.skipif(not REAL, reason="the shared fixtures are not here")
def test_full_redelivery_of_what_is_real_changes_nothing() -> None:
    redelivered(REAL, ADDRESSES[:4])


@pytest.mark.parametrize("absurd", [None, "0", "253402300799999", "x"])
def test_a_mail_without_a_sane_time_keeps_the_one_of_its_first_delivery(absurd: str | None) -> None:
    mail = gmail_message(date=None, internal_date=absurd)
    redelivered([Sent("gmail", "without a time", mail, mailbox="rep@ours.example")], PEOPLE)


@pytest.mark.parametrize("absurd", [None, 0, 4_000_000_000, "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("api", [1, 2])
def test_a_conversation_without_a_sane_time_changes_nothing_when_redelivered(api: int, absurd: Any) -> None:
    chat = Chat(api=api, extra={"created_at": absurd, "updated_at": absurd})
    redelivered([Sent("intercom", "without a time", chat.created())], PEOPLE)
