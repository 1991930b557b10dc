"""Stitching leaves no gap: whatever the order of association and arrival, and whoever dies when (design, decision 4).

Ingestion and contact creation run as coroutines over a store with MongoDB's isolation; hypothesis chooses who makes
the next step, and who is killed before making it. What was killed is delivered again, as Kafka does; what a
client asked for and got no answer to, it asks for again.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contacts import MAX_VISITOR_IDS
from service.identity.model import IdentityKind
from service.profile.model import Totals, totals_of
from service.timeline.ingest import owner_of
from service.timeline.model import VISITOR_CONFLICT, TimelineEvent
from tests.support.events import external, page_view, visitor
from tests.support.interleaving import Work, interleave, run_to_end, step
from tests.support.visitor_world import TENANT, VISITORS, World

EXTERNALS = ["e1", "e2"]

identities = st.one_of(
    st.sampled_from(VISITORS).map(lambda value: (visitor(TENANT, value),)),
    st.tuples(st.sampled_from(EXTERNALS), st.sampled_from(VISITORS)).map(
        lambda pair: (external(TENANT, pair[0]), visitor(TENANT, pair[1]))
    ),
)
wanted_contacts = st.tuples(
    st.lists(st.sampled_from(VISITORS), max_size=2, unique=True), st.none() | st.sampled_from(EXTERNALS)
)
stories = st.fixed_dictionaries(
    {
        "events": st.lists(identities, min_size=1, max_size=6),
        # Batches of event numbers: the same number twice is a redelivery.
        "batches": st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=1, max_size=4),
        "contacts": st.lists(wanted_contacts, max_size=3),
        "schedule": st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), max_size=120),
        "external_known": st.booleans(),
    }
)


def play(story: dict[str, Any]) -> World:
    """Run everybody by the schedule; a step with 0 in its second place kills instead, and the work begins anew."""
    world = World()
    events = [
        page_view(TENANT, *who, event_id=f"evt_{n}", minute=n, session_id=f"s{n % 2}")
        for n, who in enumerate(story["events"])
    ]
    if story["external_known"]:
        run_to_end(world.create_contact("external@example.com", []))
        world.store.memory.committed["identity", external(TENANT, "e1")] = ("ct_0", object())
    works: list[Work] = [
        *(lambda batch=batch: world.ingest([events[n % len(events)] for n in batch]) for batch in story["batches"]),
        *(
            lambda n=n, wanted=wanted: world.identify(f"c{n}@example.com", *wanted)
            for n, wanted in enumerate(story["contacts"])
        ),
    ]
    interleave(works, story["schedule"], world.killed)
    world.settle()
    return world


def expected_owner(world: World, event: TimelineEvent) -> str | None:
    return owner_of(event, world.registry())


@settings(max_examples=400, deadline=None)
@given(stories)
def test_every_event_of_a_known_visitor_is_in_its_contacts_timeline(story: dict[str, Any]) -> None:
    world = play(story)

    delivered = {f"evt_{n % len(story['events'])}" for batch in story["batches"] for n in batch}
    stored = {key: event for key, event in world.events().items() if event.source.value == "tracker"}
    assert set(stored) == delivered
    for event in stored.values():
        if expected_owner(world, event) is None:
            assert event.contact_id is None
        else:
            assert event.contact_id is not None
            owners = {world.registry().get(identity) for identity in event.identities}
            assert event.contact_id in owners


@settings(max_examples=400, deadline=None)
@given(stories)
def test_profiles_equal_a_rebuild_from_the_stored_events(story: dict[str, Any]) -> None:
    world = play(story)

    by_contact: dict[tuple[str, str], list[TimelineEvent]] = {}
    for event in world.events().values():
        if event.contact_id and event.source.value == "tracker":
            by_contact.setdefault((TENANT, event.contact_id), []).append(event)
    counted = {key: total for key, total in world.store.memory.all("totals").items() if total != Totals()}
    assert counted == {key: totals_of(events) for key, events in by_contact.items()}


@settings(max_examples=400, deadline=None)
@given(stories)
def test_change_sequences_are_gapless_and_no_link_task_is_left(story: dict[str, Any]) -> None:
    memory = play(story).store.memory

    for contact in memory.all("contact").values():
        records = [record for record in memory.all("outbox").values() if record.contact_id == contact.contact_id]
        assert sorted(record.sequence for record in records) == list(range(1, contact.sequence + 1))
    assert not memory.all("task")


@settings(max_examples=400, deadline=None)
@given(stories)
def test_a_known_external_id_brings_the_free_visitors_along(story: dict[str, Any]) -> None:
    world = play(story)
    owners = world.registry()

    for event in world.events().values():
        externals = [one for one in event.identities if one in owners and one.kind is IdentityKind.EXTERNAL]
        if externals:
            assert all(one in owners for one in event.identities), "no visitor of a known external id stays nobody's"
    for contact in world.store.memory.all("contact").values():
        mine = {one.value for one, owner in owners.items() if (one.kind, owner) == ("visitor", contact.contact_id)}
        assert set(contact.visitor_ids) == mine
    # A dispute is told of an event that its external id decided, and of no other.
    for event in world.events().values():
        if VISITOR_CONFLICT in event.context:
            assert event.disputed(owners, str(event.contact_id))
            assert owners[event.identities[0]] == event.contact_id


def test_an_external_id_that_is_registered_late_brings_its_visitors_history() -> None:
    world = World()
    both = page_view(TENANT, external(TENANT, "e1"), visitor(TENANT, "v1"), event_id="evt_both", minute=1)
    alone = page_view(TENANT, visitor(TENANT, "v1"), event_id="evt_alone", minute=2)
    run_to_end(world.ingest([both, alone]))

    run_to_end(world.identify("a@example.com", [], "e1"))

    assert {event.event_id for event in world.events().values() if event.contact_id == "ct_0"} >= {
        "evt_both",
        "evt_alone",
    }
    assert world.registry()[visitor(TENANT, "v1")] == "ct_0"


def test_a_visitor_of_another_contact_stays_there_and_the_event_says_so() -> None:
    world = World()
    run_to_end(world.create_contact("owner@example.com", ["v1"]))
    run_to_end(world.identify("known@example.com", [], "e1"))
    event = page_view(TENANT, external(TENANT, "e1"), visitor(TENANT, "v1"), event_id="evt_1")

    run_to_end(world.ingest([event]))
    run_to_end(world.ingest([event]))

    assert world.registry()[visitor(TENANT, "v1")] == "ct_0"
    stored = world.events()["evt_1"]
    assert (stored.contact_id, stored.context) == ("ct_1", {VISITOR_CONFLICT: True})


def test_a_contact_takes_no_more_visitors_than_it_has_room_for() -> None:
    world = World()
    events = [
        page_view(TENANT, external(TENANT, "e1"), visitor(TENANT, f"many-{n:03}"), event_id=f"evt_{n:03}")
        for n in range(MAX_VISITOR_IDS + 5)
    ]
    run_to_end(world.ingest(events))

    run_to_end(world.identify("a@example.com", ["v1"], "e1"))

    assert len(world.store.memory.all("contact")["ct_0"].visitor_ids) == MAX_VISITOR_IDS
    linked = [event for event in world.events().values() if event.contact_id == "ct_0" and event.source == "tracker"]
    assert len(linked) == len(events)


def test_an_event_stored_before_a_crash_is_linked_by_its_redelivery() -> None:
    world = World()
    event = page_view(TENANT, visitor(TENANT, "v1"), event_id="evt_late")
    run_to_end(world.create_contact("a@example.com", ["v1"]))
    # As if the association had been committed after the ingest's snapshot, and the ingest killed after its commit.
    world.store.memory.committed["event", "evt_late"] = event

    run_to_end(world.ingest([event]))

    assert world.events()["evt_late"].contact_id == "ct_0"


def test_an_event_committed_before_the_association_is_found_by_its_scan() -> None:
    world = World()
    event = page_view(TENANT, visitor(TENANT, "v1"), event_id="evt_early")
    ingesting = world.ingest([event])
    while not world.events():
        step(ingesting)
    ingesting.close()  # committed, and killed before it read the identities again

    run_to_end(world.create_contact("a@example.com", ["v1"]))

    assert world.events()["evt_early"].contact_id == "ct_0"
