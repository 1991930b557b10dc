"""How MongoDB answers lists of events: from an index, bounded by the tenant, without a sort where we promise none."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.mongo import stretches
from service.mongo.contact_details import detail_of
from service.mongo.event_lists import criteria_of, names_of, newest_of_each, page_of
from service.mongo.identities import awaiting_of
from service.mongo.store import MongoStore
from service.timeline.query import EventFilter, EventOrder, EventPageQuery
from tests.support.events import MORNING, page_view, visitor
from tests.support.plans import examined, explain_aggregate, explain_count, stages_of

TENANT = "tenant-of-plans"
PER_TENANT = 1_500
LIMIT = 21


@pytest.fixture(scope="module")
async def filled(shared_store: MongoStore) -> MongoStore:
    """Two tenants' events: half of each with a contact, five names, two domains."""
    for tenant in (TENANT, f"{TENANT}-other"):
        await shared_store.events.insert(
            [
                replace(
                    page_view(tenant, event_id=f"evt_{tenant}_{n:05}", minute=n),
                    event=f"name_{n % 5}",
                    domain=f"{n % 2}.example",
                    contact_id=f"ct_{n % 20}" if n % 2 else None,
                    received_at=MORNING + timedelta(minutes=n),
                )
                for n in range(PER_TENANT)
            ]
        )
    return shared_store


ORDERS = [(order, newest) for order in EventOrder for newest in (True, False)]
MIDDLE = (MORNING + timedelta(minutes=PER_TENANT // 2), f"evt_{TENANT}_{PER_TENANT // 2:05}")


@pytest.mark.parametrize("behind", [None, MIDDLE], ids=["first", "cursor"])
@pytest.mark.parametrize(
    ("asked", "order", "newest_first"),
    [
        *((EventFilter(TENANT), order, newest) for order, newest in ORDERS),
        (EventFilter(TENANT, event="name_1"), EventOrder.TIMESTAMP, True),
        (EventFilter(TENANT, event="name_1"), EventOrder.TIMESTAMP, False),
        (EventFilter(TENANT, contact_id="ct_3"), EventOrder.TIMESTAMP, True),
        (EventFilter(TENANT, contact_id="ct_3"), EventOrder.TIMESTAMP, False),
        (EventFilter(TENANT, after=MORNING), EventOrder.TIMESTAMP, True),
        (
            EventFilter(TENANT, event="name_1", before=MORNING + timedelta(minutes=PER_TENANT)),
            EventOrder.TIMESTAMP,
            True,
        ),
    ],
)
async def test_the_usual_lists_read_a_page_from_an_index(
    filled: MongoStore, asked: EventFilter, order: EventOrder, newest_first: bool, behind: Any
) -> None:
    query = EventPageQuery(asked, LIMIT, order, newest_first, behind=behind)
    plan = await explain_aggregate(filled, "events", page_of(query))

    assert not stages_of(plan) & {"SORT", "COLLSCAN", "OR"}
    keys, documents = examined(plan)
    # The one given out last is looked at once more.
    assert documents <= LIMIT + 1
    assert keys <= LIMIT + 1


@pytest.mark.parametrize("behind", [None, MIDDLE], ids=["first", "cursor"])
@pytest.mark.parametrize("order", EventOrder)
@pytest.mark.parametrize(
    "given",
    [
        {"domain": "1.example"},
        {"domain": "nowhere"},
        {"url_contains": "/9"},
        {"search": "name_1"},
        {"identified_only": True},
        {"event": "name_1", "contact_id": "ct_3"},
        {"event": "name_1", "domain": "1.example", "identified_only": True, "search": "x", "after": MORNING},
        {"contact_id": "ct_3", "before": MORNING + timedelta(minutes=700)},
    ],
    ids=lambda given: "+".join(given),
)
async def test_any_list_stays_within_the_tenants_keys_of_an_index(
    filled: MongoStore, given: Any, order: EventOrder, behind: Any
) -> None:
    query = EventPageQuery(EventFilter(TENANT, **given), LIMIT, order, behind=behind)
    plan = await explain_aggregate(filled, "events", page_of(query))

    assert "COLLSCAN" not in stages_of(plan)
    assert "OR" not in stages_of(plan)
    assert examined(plan)[0] <= PER_TENANT + 1


@pytest.mark.parametrize("given", [{}, {"event": "name_1"}, {"contact_id": "ct_3"}, {"after": MORNING}])
async def test_the_usual_counts_read_keys_only(filled: MongoStore, given: Any) -> None:
    plan = await explain_count(filled, "events", criteria_of(EventFilter(TENANT, **given)), 100)

    assert "COLLSCAN" not in stages_of(plan)
    keys, documents = examined(plan)
    assert keys <= 101
    assert documents == 0 or "contact_id" in given


async def test_names_are_read_one_key_each(filled: MongoStore) -> None:
    plan = await explain_aggregate(filled, "events", names_of(TENANT))

    assert "DISTINCT_SCAN" in stages_of(plan)
    assert examined(plan)[0] <= 6
    assert await filled.event_lists.names(TENANT) == [f"name_{n}" for n in range(5)]


async def test_activity_reads_each_contacts_newest_and_no_more(filled: MongoStore) -> None:
    ids = [f"ct_{n}" for n in range(1, 20, 2)]
    plan = await explain_aggregate(filled, "events", newest_of_each(TENANT, ids, 10))

    assert not stages_of(plan) & {"SORT", "$sort", "COLLSCAN"}
    keys, documents = examined(plan)
    assert 0 < documents <= 10 * len(ids)
    assert keys <= 10 * len(ids)


async def test_a_contacts_detail_reads_its_own_from_indexes(filled: MongoStore) -> None:
    plan = await explain_aggregate(filled, "contacts", detail_of(TENANT, "ct_3", actions=10, events=20))

    assert not {"COLLSCAN", "SORT", "$sort"} & stages_of(plan), plan
    keys, documents = examined(plan)
    assert 20 <= keys <= 21
    assert documents == 20


async def test_what_awaits_an_identity_is_asked_of_indexes(filled: MongoStore) -> None:
    plan = await explain_aggregate(
        filled, "events", awaiting_of(TENANT, ["visitor:nobody", "email:nobody@example.com"])
    )

    assert "COLLSCAN" not in stages_of(plan), plan
    assert examined(plan)[1] == 0


async def test_what_somebody_is_known_by_is_looked_for_among_a_bounded_number_at_once(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "LOOKED_AT", 10)
    # Seven arrive at one moment.
    for tenant in (TENANT, f"{TENANT}-other"):
        visits = [
            page_view(tenant, visitor(tenant, f"v{n % 4}"), event_id=f"{tenant}{n:03}", minute=n // 7)
            for n in range(95)
        ]
        await store.events.insert([replace(one, contact_id="ct_1") for one in visits])

    await store.database.command("profile", 2)
    portions = [portion async for portion in store.remains.known_by([visitor(TENANT, "v1")])]
    await store.database.command("profile", 0)

    found = [one.event_id for portion in portions for one in portion]
    assert found == [f"{TENANT}{n:03}" for n in range(95) if n % 4 == 1]
    queries = await store.database["system.profile"].find({"command.find": "events"}).to_list(None)
    assert len(queries) == 20
    assert max(one["keysExamined"] for one in queries) <= 11
