"""GET /v1/contacts as a client sees it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from yarl import URL

from schemas.events import Source
from service.conversations.model import Direction
from service.mongo.store import MongoStore
from service.profile.conversed import Conversed, LastMessage
from service.profile.model import Profile, totals_of
from service.profile.ports import StoredProfile
from service.timeline.model import TimelineEvent
from tests.support.api import ApiUser
from tests.support.events import MORNING

ADA = {
    "firstname": "Ada",
    "lastname": "Lovelace",
    "company": "Analytical Engines",
    "jobtitle": "Chief Programmer",
    "lifecyclestage": "customer",
    "lead_status": "open",
    "country": "GB",
    "industry": "Computing",
    "city": "London",
    "state": "England",
    "linkedin_url": "https://linkedin.com/in/ada",
}


async def listed(api: ApiUser, **params: Any) -> list[str]:
    """The addresses, in order."""
    reply = await api.get("/v1/contacts", params=params)
    assert reply.status == 200, reply
    return [contact["email"] for contact in reply.body["contacts"]]


async def counted(api: ApiUser, **params: Any) -> int:
    reply = await api.get("/v1/contacts", params={"count_only": "true", **params})
    assert reply.body.keys() == {"status", "count"}, reply
    return int(reply.body["count"])


async def some_contacts(api: ApiUser, number: int) -> list[dict[str, Any]]:
    return [await api.create_contact(f"c{one}@example.com") for one in range(number)]


async def test_a_list_has_whole_contacts_newest_first_and_says_how_many_there_are(api: ApiUser) -> None:
    made = await some_contacts(api, 3)

    reply = await api.get("/v1/contacts")

    assert reply.body == {
        "status": "success",
        "contacts": made[::-1],
        "pagination": {"page": 1, "limit": 20, "total_pages": 1, "total_items": 3, "next_cursor": None},
    }


async def test_nothing_is_listed_of_other_tenants(api: ApiUser, new_user: Any) -> None:
    await api.create_contact("ada@example.com", properties=ADA)
    stranger = await new_user()

    assert await listed(stranger) == []
    assert await counted(stranger) == 0
    assert await listed(stranger, search="ada") == []
    reply = await stranger.get("/v1/contacts")
    assert reply.body["pagination"] == {
        "page": 1,
        "limit": 20,
        "total_pages": 0,
        "total_items": 0,
        "next_cursor": None,
    }


async def test_pages_by_number(api: ApiUser) -> None:
    made = [contact["email"] for contact in await some_contacts(api, 5)][::-1]

    replies = [await api.get("/v1/contacts", params={"page": page, "limit": 2}) for page in (1, 2, 3, 4)]

    assert [[one["email"] for one in reply.body["contacts"]] for reply in replies] == [
        made[:2],
        made[2:4],
        made[4:],
        [],
    ]
    figures = [{**reply.body["pagination"], "next_cursor": None} for reply in replies]
    assert figures == [
        {"page": page, "limit": 2, "total_pages": 3, "total_items": 5, "next_cursor": None} for page in (1, 2, 3, 4)
    ]
    assert [bool(reply.body["pagination"]["next_cursor"]) for reply in replies] == [True, True, False, False]


async def test_a_walk_can_begin_at_any_page(api: ApiUser) -> None:
    made = [contact["email"] for contact in await some_contacts(api, 7)][::-1]
    second = await api.get("/v1/contacts", params={"page": 2, "limit": 2})

    third = await api.get("/v1/contacts", params={"cursor": second.body["pagination"]["next_cursor"], "limit": 3})

    assert [one["email"] for one in third.body["contacts"]] == made[4:7]
    assert third.body["pagination"]["total_items"] == 7
    assert third.body["pagination"]["next_cursor"] is None


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ({"status": "not_enriched"}, True),
        ({"status": "enriched"}, False),
        ({"lifecycle_stage": "customer"}, True),
        ({"lifecycle_stage": "lead"}, False),
        ({"lead_status": "open"}, True),
        ({"lead_status": "Open"}, False),
        ({"country": "GB"}, True),
        ({"country": "G"}, False),
        ({"industry": "Computing"}, True),
        ({"industry": "Comput.*"}, False),
        ({"city": "London"}, True),
        ({"city": "london"}, False),
        ({"state": "England"}, True),
        ({"state": "England\0"}, False),
        ({"job_title": "CHIEF programmer"}, True),
        ({"job_title": "Chief"}, False),
        ({"has_linkedin": "true"}, True),
        ({"has_linkedin": "false"}, False),
        ({"company_id": "co_2"}, True),
        ({"company_id": "co_1"}, False),
        ({"created_after": "2020-01-01"}, True),
        ({"created_after": "2999-01-01T00:00:00+02:00"}, False),
        ({"created_before": "2999-01-01T00:00:00Z"}, True),
        ({"created_before": "2020-01-01T00:00:00"}, False),
        ({"search": "love ANAL chief ada@"}, True),
        ({"search": "love Paris"}, False),
        ({"country": "GB", "city": "London", "has_linkedin": "true", "search": "ada"}, True),
        ({"country": "GB", "city": "Paris"}, False),
    ],
)
async def test_filters(api: ApiUser, filters: dict[str, str], matches: bool) -> None:
    await api.create_contact("ada@example.com", properties=ADA, company_id="co_2")

    assert await listed(api, **filters) == (["ada@example.com"] if matches else [])
    assert await counted(api, **filters) == int(matches)
    assert await listed(api, sort_by="company", **filters) == (["ada@example.com"] if matches else [])


async def test_the_bounds_of_the_creation_date_are_exclusive(api: ApiUser) -> None:
    created_at = (await api.create_contact())["created_at"]

    assert await counted(api, created_after=created_at) == 0
    assert await counted(api, created_before=created_at) == 0


@pytest.mark.parametrize("plus", ["+", "%2B", "%20"])
async def test_a_bound_may_have_any_offset(api: ApiUser, plus: str) -> None:
    await api.create_contact()
    now = datetime.now(UTC).replace(tzinfo=None)

    for hours, found in ((1, 1), (3, 0)):
        bound = f"{(now + timedelta(hours=hours)).isoformat(timespec='seconds')}{plus}02:00"
        url = URL(f"/v1/contacts?created_after={bound}", encoded=True)
        assert len((await api.get(url)).body["contacts"]) == found


async def test_a_bound_may_be_finer_than_a_millisecond(api: ApiUser) -> None:
    created_at = (await api.create_contact())["created_at"]
    within = created_at.replace("Z", "500Z")

    assert await counted(api, created_before=within) == 1
    assert await counted(api, created_after=within) == 0
    assert await counted(api, created_before="9999-12-31T23:59:59.999999Z") == 1


@pytest.mark.parametrize(
    ("sort_by", "ascending"),
    [
        ("email", "acb"),
        ("firstname", "cab"),
        ("lastname", "bac"),
        ("company", "abc"),
        ("createdate", "abc"),
    ],
)
async def test_sorting_ignores_case_and_accents_and_takes_what_is_missing_for_empty(
    api: ApiUser, sort_by: str, ascending: str
) -> None:
    await api.create_contact("a@example.com", properties={"firstname": "Émile", "lastname": "y"})
    await api.create_contact("z@example.com", properties={"firstname": "zoe", "lastname": "X", "company": "A"})
    await api.create_contact("b@example.com", properties={"firstname": "ada", "lastname": "Z", "company": "b"})
    names = {"a@example.com": "a", "z@example.com": "b", "b@example.com": "c"}

    up = await listed(api, sort_by=sort_by, sort_dir="asc")

    assert "".join(names[email] for email in up) == ascending
    assert await listed(api, sort_by=sort_by, sort_dir="desc") == up[::-1]
    assert await listed(api, sort_by=sort_by) == up[::-1]


@pytest.mark.parametrize("stored", ["o'brien", "o’brien"])
async def test_an_apostrophe_is_found_however_it_was_typed_and_whenever_it_was_stored(
    api: ApiUser, shared_store: MongoStore, stored: str
) -> None:
    contact = await api.create_contact("kate@example.com", properties={"lastname": "O’Brien"})
    # As contacts were stored before apostrophes were folded, too.
    words = {"$set": {"listing.words": [stored, stored[2:]]}}
    await shared_store.database["contacts"].update_one({"_id": contact["contact_id"]}, words)

    assert [await listed(api, search=search) for search in ("O'Brien", "o’bri", "brien")] == [["kate@example.com"]] * 3


async def test_a_summary_is_compact(api: ApiUser, shared_store: MongoStore) -> None:
    contact = await api.create_contact("ada@example.com", properties={**ADA, "bio": "x" * 5000}, visitor_id="v-1")
    bare = await api.create_contact("bare@example.com")
    await see(shared_store, api.tenant_id, contact["contact_id"])

    reply = await api.get("/v1/contacts", params={"fields": "summary", "sort_by": "email", "sort_dir": "asc"})

    assert reply.body["contacts"] == [
        {
            "contact_id": contact["contact_id"],
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "company": "Analytical Engines",
            "jobtitle": "Chief Programmer",
            "lifecyclestage": "customer",
            "last_activity_at": "2026-11-23T08:00:00.000Z",
        },
        {
            "contact_id": bare["contact_id"],
            "email": "bare@example.com",
            "name": None,
            "company": None,
            "jobtitle": None,
            "lifecyclestage": None,
            "last_activity_at": None,
        },
    ]
    assert len(json.dumps(reply.body["contacts"][0])) < 300
    whole = await api.get("/v1/contacts", params={"search": "ada"})
    assert whole.body["contacts"][0]["last_activity_at"] == "2026-11-23T08:00:00.000Z"
    assert whole.body["contacts"][0]["properties"]["bio"] == "x" * 5000


EARLY, LATE = MORNING - timedelta(days=2), MORNING + timedelta(days=2)
A_MAIL = LastMessage(MORNING, Direction.INBOUND, Source.GMAIL)


@pytest.mark.parametrize(
    "figures",
    [
        Profile(),
        Profile(first_seen_at=EARLY, last_seen_at=LATE),
        Profile(conversed=Conversed({Source.GMAIL: 1}, EARLY, A_MAIL)),
        Profile(first_seen_at=EARLY, last_seen_at=EARLY, conversed=Conversed({Source.GMAIL: 1}, MORNING, A_MAIL)),
        Profile(first_seen_at=MORNING, last_seen_at=LATE, conversed=Conversed({Source.GMAIL: 1}, EARLY, A_MAIL)),
    ],
    ids=["nothing yet", "visits", "mail", "visits before mail", "visits after mail"],
)
async def test_a_list_shows_a_contact_as_its_detail_does(
    api: ApiUser, shared_store: MongoStore, figures: Profile
) -> None:
    contact_id = (await api.create_contact("ada@example.com"))["contact_id"]
    await shared_store.profile_records.replace(api.tenant_id, contact_id, StoredProfile(figures))

    (shown,) = (await api.get("/v1/contacts")).body["contacts"]
    (short,) = (await api.get("/v1/contacts", params={"fields": "summary"})).body["contacts"]

    assert shown == (await api.get(f"/v1/contacts/{contact_id}")).body["contact"]
    assert short["last_activity_at"] == shown["last_activity_at"]


async def see(store: MongoStore, tenant_id: str, contact_id: str) -> None:
    """An event of the contact, as ingestion counts it."""
    event = TimelineEvent("evt", tenant_id, "page_view", Source.TRACKER, MORNING, MORNING, {}, contact_id=contact_id)
    await store.profiles.add(tenant_id, {contact_id: totals_of([event])})
