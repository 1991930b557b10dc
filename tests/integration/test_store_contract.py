"""What every store promises. The one in memory, on which unit tests stand, keeps the promises that MongoDB keeps."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.contacts.model import Contact
from service.errors import DuplicateKeyError
from service.identity.model import Association
from service.ledger.model import Outcome, Receipt, Row, RowKey
from service.mongo.store import MongoStore
from service.profile.model import MAX_DEVICES, Device, totals_of
from service.timeline.query import TimelineQuery
from tests.support.events import MORNING, external, page_view, visitor
from tests.support.memory_store import MemoryStore

TENANT = "t"
REFERRED = {"referrer": "https://a.example/", "referring_domain": "a.example"}


@pytest.fixture(params=["memory", "mongodb"])
async def any_store(request: pytest.FixtureRequest, store: MongoStore) -> Any:
    """Both stores, one after the other."""
    return store if request.param == "mongodb" else MemoryStore()


def a_contact() -> Contact:
    return Contact("ct_1", TENANT, "ct_1@example.com", {}, MORNING, MORNING, MORNING)


async def test_a_transaction_happens_whole_or_not_at_all(any_store: Any) -> None:
    async with any_store.session() as session:

        async def work() -> None:
            await session.contacts.insert(a_contact())
            await session.events.insert([page_view(TENANT, visitor(TENANT, "v"), event_id="evt_1")])
            raise LookupError

        with pytest.raises(LookupError):
            await session.transaction(work)

    assert await any_store.contacts.get(TENANT, "ct_1") is None
    assert await any_store.events.stored(["evt_1"]) == {}


async def test_an_identity_has_one_contact(any_store: Any) -> None:
    identity = visitor(TENANT, "v")
    await any_store.identities.associate([Association(identity, "ct_1", "task-1")], MORNING)

    async with any_store.session() as session:
        with pytest.raises(DuplicateKeyError):
            await session.transaction(
                lambda: session.identities.associate([Association(identity, "ct_2", "task-2")], MORNING)
            )
    assert await any_store.identities.owners([identity, visitor("other", "v")]) == {identity: "ct_1"}
    assert await any_store.identities.claim(identity, "ct_1")
    assert not await any_store.identities.claim(identity, "ct_2")


async def test_link_tasks_are_listed_by_age_until_finished(any_store: Any) -> None:
    tasks = [Association(visitor(TENANT, name), "ct_1", f"task-{name}") for name in ("b", "a", "c")]
    await any_store.identities.associate(tasks, MORNING)

    assert [task.link_task for task in await any_store.identities.unfinished("task-c", 10)] == ["task-a", "task-b"]
    found = await any_store.identities.unfinished("task-b", 10, "task-b")
    assert [task.link_task for task in found] == ["task-a", "task-c"]
    for behind, left in (("task-a", ["task-c"]), ("task-b", ["task-c"]), ("task-c", [])):
        found = await any_store.identities.unfinished("task-b", 10, "task-b", behind)
        assert [task.link_task for task in found] == left
    await any_store.identities.finish(["task-a"])
    assert [task.link_task for task in await any_store.identities.unfinished("task-z", 1)] == ["task-b"]


async def test_events_are_stored_once_and_await_their_identities(any_store: Any) -> None:
    known = replace(page_view(TENANT, visitor(TENANT, "v"), event_id="evt_known"), contact_id="ct_1")
    unknown = page_view(TENANT, external(TENANT, "e"), visitor(TENANT, "v"), event_id="evt_unknown")
    nobody = page_view(TENANT, event_id="evt_nobody")
    await any_store.events.insert([known, unknown, nobody])

    with pytest.raises(DuplicateKeyError):
        await any_store.events.insert([known])
    assert await any_store.events.stored(["evt_known", "evt_unknown", "evt_nobody", "evt_no"]) == {
        "evt_known": False,
        "evt_unknown": True,
        "evt_nobody": False,
    }
    for identity in unknown.identities:
        assert await any_store.events.awaiting(identity, 10) == ([unknown], False)
        assert await any_store.identities.awaited([identity])
    assert not await any_store.identities.awaited([visitor("other", "v")])


async def test_an_event_is_linked_once_for_good(any_store: Any) -> None:
    event = page_view(TENANT, external(TENANT, "e"), visitor(TENANT, "v"), event_id="evt_1")
    await any_store.events.insert([event])

    assert await any_store.events.link(["evt_1"], "ct_1") == 1
    assert await any_store.events.link(["evt_1"], "ct_2") == 0
    assert await any_store.events.awaiting(visitor(TENANT, "v"), 10) == ([], False)
    portions = [portion async for portion in any_store.events.timeline(TimelineQuery(TENANT, "ct_1"))]
    assert portions == [[replace(event, contact_id="ct_1")]]


async def test_a_dispute_is_recorded_beside_what_the_event_has(any_store: Any) -> None:
    events = [
        page_view(TENANT, visitor(TENANT, "v"), event_id="evt_1", context={"referrer": "https://a.example/"}),
        page_view(TENANT, visitor(TENANT, "v"), event_id="evt_2"),
        page_view(TENANT, visitor(TENANT, "v"), event_id="evt_3"),
    ]
    await any_store.events.insert(events)
    await any_store.events.mark_disputed(["evt_1", "evt_2"])

    stored, _ = await any_store.events.awaiting(visitor(TENANT, "v"), 10)
    assert {event.event_id: event.context for event in stored} == {
        "evt_1": {"referrer": "https://a.example/", "visitor_conflict": True},
        "evt_2": {"visitor_conflict": True},
        "evt_3": {},
    }


async def test_a_timeline_is_in_order_and_goes_on_behind_a_position(any_store: Any) -> None:
    # Two events a minute: ties are broken by id.
    events = [
        replace(page_view(TENANT, event_id=f"evt_{n}", minute=n // 2), contact_id="ct_1") for n in (3, 0, 2, 1, 4, 5)
    ]
    await any_store.events.insert(events)

    async def ids(**asked: Any) -> list[str]:
        query = TimelineQuery(TENANT, "ct_1", **asked)
        return [event.event_id async for portion in any_store.events.timeline(query) for event in portion]

    assert await ids(newest_first=False) == [f"evt_{n}" for n in range(6)]
    assert await ids() == [f"evt_{n}" for n in (5, 4, 3, 2, 1, 0)]
    position = (page_view(TENANT, minute=1).timestamp, "evt_3")
    assert await ids(behind=position, limit=2) == ["evt_2", "evt_1"]
    assert await ids(behind=position, newest_first=False) == ["evt_4", "evt_5"]
    assert await ids(event="page_leave") == []


async def test_figures_add_up_whatever_the_order(any_store: Any) -> None:
    utm = {"utmParams": {"utm_source": "news", "utm_medium": "mail"}}
    events = [
        page_view(TENANT, event_id="evt_1", minute=1, session_id="s1", context=REFERRED),
        page_view(TENANT, event_id="evt_2", minute=3, session_id="s1", data=utm),
        page_view(TENANT, event_id="evt_3", minute=2, session_id="s2", data={"title": "Two"}),
    ]
    for event in (events[1], events[2], events[0]):
        await any_store.profiles.add(TENANT, {"ct_1": totals_of([event])})

    profile = await any_store.profiles.get(TENANT, "ct_1")
    assert (profile.page_views, profile.sessions, profile.sources) == (3, 2, ("tracker",))
    assert (profile.first_seen_at, profile.last_seen_at) == (events[0].timestamp, events[1].timestamp)
    assert profile.last_page.value == {"url": "https://www.example.com/3", "title": None}
    assert profile.first_referrer.value == {"referrer": "https://a.example/", "domain": "a.example"}
    assert profile.first_utm.value == {"utm_source": "news", "utm_medium": "mail"}
    assert await any_store.profiles.get("other", "ct_1") is None


async def test_each_device_counts_once_and_the_first_are_named(any_store: Any) -> None:
    devices = [
        {"browser": browser, "os": os, "device_type": kind, **robot}
        for browser in ("Safari", "Chrome", "\u00c9dith", "chrome")
        for os, kind in (("Windows", "desktop"), ("Android", "mobile"), ("Android", "tablet"))
        for robot in ({}, {"is_bot": True})
    ]
    events = [page_view(TENANT, event_id=f"evt_{n}", context=device) for n, device in enumerate(devices)]
    events += [page_view(TENANT, event_id="evt_none")]
    for event in [*events, *events[::-1]]:
        await any_store.profiles.add(TENANT, {"ct_1": totals_of([event]), "ct_2": totals_of([events[0]])})

    profile = await any_store.profiles.get(TENANT, "ct_1")
    assert profile.device_count == len(devices)
    assert profile.devices == tuple(sorted(totals_of(events).devices)[:MAX_DEVICES])
    other = await any_store.profiles.get(TENANT, "ct_2")
    assert other.devices == (Device("Safari", "Windows", "desktop"),)


async def test_locking_counts_the_sequence_and_time_never_goes_back(any_store: Any) -> None:
    await any_store.contacts.insert(a_contact())

    later = MORNING + timedelta(seconds=5)
    assert (await any_store.contacts.lock(TENANT, "ct_1", later)).sequence == 2
    locked = await any_store.contacts.lock(TENANT, "ct_1", MORNING)
    assert (locked.sequence, locked.committed_at, locked.version) == (3, later, 1)
    assert await any_store.contacts.lock("other", "ct_1", MORNING) is None
    await any_store.contacts.replace(replace(locked, properties={"a": 1}, version=2))
    assert (await any_store.contacts.get(TENANT, "ct_1")).properties == {"a": 1}


async def test_identities_are_freed_by_their_owner_only(any_store: Any) -> None:
    identity = visitor(TENANT, "v")
    await any_store.identities.associate([Association(identity, "ct_1", "task-1")], MORNING)

    await any_store.identities.free([identity], "ct_2")
    assert await any_store.identities.owners([identity]) == {identity: "ct_1"}
    await any_store.identities.free([identity], "ct_1")
    assert await any_store.identities.owners([identity]) == {}


async def test_of_two_transactions_that_write_one_document_both_count(any_store: Any) -> None:
    async def add(value: str) -> None:
        async with any_store.session() as session:

            async def work() -> None:
                contact = await session.contacts.lock(TENANT, "ct_1", MORNING)
                await session.contacts.replace(replace(contact, visitor_ids=(*contact.visitor_ids, value)))

            await session.transaction(work)

    await any_store.contacts.insert(a_contact())
    await asyncio.gather(*(add(f"v-{n}") for n in range(8)))

    contact = await any_store.contacts.get(TENANT, "ct_1")
    assert contact.sequence == 9
    assert sorted(contact.visitor_ids) == [f"v-{n}" for n in range(8)]


def outcomes(*told: tuple[int, str], tenant: str | None = TENANT, partition: int = 0) -> list[tuple[Receipt, Outcome]]:
    return [(Receipt("src", partition, offset, tenant), Outcome(outcome)) for offset, outcome in told]


def a_row(first: int, following: int, *, tenant: str | None = TENANT, partition: int = 0, **counts: int) -> Row:
    return Row(RowKey("src", partition, tenant), first, following, {one: counts.get(one, 0) for one in Outcome})


async def count(any_store: Any, told: list[tuple[Receipt, Outcome]]) -> None:
    async with any_store.session() as session:
        await session.transaction(lambda: session.ledger.count(told))


async def test_the_ledger_counts_each_record_once(any_store: Any) -> None:
    first = outcomes((3, "stored"), (4, "parked"), (6, "stored"))
    await count(any_store, first)
    # The same again, as after a crash, and what came since: a batch is cut anew.
    await count(any_store, [*first, *outcomes((7, "dead_lettered"), (9, "duplicate"))])
    await count(any_store, first)
    await count(any_store, [])

    assert await any_store.ledger.rows() == [a_row(3, 10, stored=2, parked=1, dead_lettered=1, duplicate=1)]
    assert (await any_store.ledger.rows())[0].received == 5


async def test_the_ledger_has_a_row_for_each_tenant_and_for_none(any_store: Any) -> None:
    nobody = outcomes((1, "dead_lettered"), tenant=None)
    other = outcomes((2, "stored"), tenant="other")
    await count(any_store, [*outcomes((0, "stored"), (3, "stored")), *nobody, *other])
    await count(any_store, outcomes((0, "parked"), partition=1))

    none_row, other_row = a_row(1, 2, tenant=None, dead_lettered=1), a_row(2, 3, tenant="other", stored=1)
    own = [a_row(0, 4, stored=2), a_row(0, 1, partition=1, parked=1)]
    assert await any_store.ledger.rows() == [none_row, other_row, *own]
    assert await any_store.ledger.rows(TENANT) == own
    assert await any_store.ledger.rows(topic="src") == [none_row, other_row, *own]
    assert await any_store.ledger.rows("other", "elsewhere") == []


async def test_readers_of_one_partition_that_race_count_each_record_once(any_store: Any) -> None:
    told = outcomes(*((offset, "stored") for offset in range(40)))
    await asyncio.gather(*(count(any_store, told[: 10 * n]) for n in (1, 2, 3, 4) for _ in range(2)))
    assert await any_store.ledger.rows() == [a_row(0, 40, stored=40)]


async def test_what_is_counted_in_a_transaction_that_fails_is_not_counted(any_store: Any) -> None:
    async with any_store.session() as session:

        async def work() -> None:
            await session.ledger.count(outcomes((0, "stored")))
            raise LookupError

        with pytest.raises(LookupError):
            await session.transaction(work)
    assert await any_store.ledger.rows() == []
