"""`GET /v1/events` and `/v1/events/types`: a tenant's events across contacts."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.scopes import Scope
from service.mongo import event_lists
from service.mongo.store import MongoStore
from service.timeline.model import TimelineEvent
from tests.support.api import ApiUser, Reply
from tests.support.events import MORNING, page_view

HOSTILE = [
    ".*",
    "$where",
    "\\",
    "(",
    "[a-",
    "a{9999999}",
    "%",
    "^https",
    "\u202e",
    "😀",
    "'; drop",
    "{$gt:''}",
    "\\Qx\\E",
]


def an_event(tenant_id: str, number: int, **fields: Any) -> TimelineEvent:
    """The number is its minute; it arrived the later the smaller the number is."""
    event = page_view(tenant_id, event_id=f"evt_{tenant_id}_{number:04}", minute=number)
    return replace(event, received_at=MORNING + timedelta(days=1, minutes=-number), **fields)


async def stored(store: MongoStore, api: ApiUser, count: int = 5, **fields: Any) -> list[str]:
    """Their ids, oldest first."""
    events = [an_event(api.tenant_id, number, **fields) for number in range(count)]
    await store.events.insert(events)
    return [event.event_id for event in events]


async def listed(api: ApiUser, **params: Any) -> list[str]:
    reply = await api.get("/v1/events", params=params)
    assert reply.status == 200, reply
    return [event["event_id"] for event in reply.body["events"]]


async def walked(api: ApiUser, **params: Any) -> list[str]:
    """All pages by cursor."""
    found: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        reply = await api.get("/v1/events", params={**params, **cursor})
        assert reply.status == 200, reply
        found += [event["event_id"] for event in reply.body["events"]]
        following = reply.body["pagination"]["next_cursor"]
        if following is None:
            return found
        cursor = {"cursor": following}


def refused(reply: Reply, field: str) -> bool:
    return reply.status == 400 and field in [detail["field"] for detail in reply.body["details"]]


async def test_newest_first_with_pagination(api: ApiUser, shared_store: MongoStore) -> None:
    ids = await stored(shared_store, api)

    reply = await api.get("/v1/events", params={"limit": 2})
    assert [event["event_id"] for event in reply.body["events"]] == [ids[4], ids[3]]
    pagination = reply.body["pagination"]
    assert isinstance(pagination.pop("next_cursor"), str)
    assert pagination == {"page": 1, "limit": 2, "total_pages": 3, "total_items": 5}
    assert set(reply.body["events"][0]) == {
        *("event_id", "_id", "event", "source", "timestamp", "received_at"),
        *("url", "domain", "data", "visitor_id", "session_id", "contact_id"),
    }
    assert await listed(api, limit=2, page=3) == [ids[0]]
    last = await api.get("/v1/events", params={"limit": 2, "page": 3})
    assert last.body["pagination"]["next_cursor"] is None
    assert await listed(api, page=4) == []


@pytest.mark.parametrize("sort_dir", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", ["timestamp", "received_at"])
async def test_sorts_and_their_cursors(api: ApiUser, shared_store: MongoStore, sort_by: str, sort_dir: str) -> None:
    ids = await stored(shared_store, api, 7)
    ordered = ids if (sort_by == "timestamp") == (sort_dir == "asc") else ids[::-1]

    assert await listed(api, sort_by=sort_by, sort_dir=sort_dir) == ordered
    for limit in (1, 3, 7):
        assert await walked(api, sort_by=sort_by, sort_dir=sort_dir, limit=limit) == ordered


async def test_a_cursor_settles_ties_and_survives_new_events(api: ApiUser, shared_store: MongoStore) -> None:
    same = [replace(an_event(api.tenant_id, n), timestamp=MORNING) for n in range(6)]
    await shared_store.events.insert(same)
    first = await api.get("/v1/events", params={"limit": 4})
    await shared_store.events.insert([an_event(api.tenant_id, 999)])

    rest = await api.get("/v1/events", params={"limit": 4, "cursor": first.body["pagination"]["next_cursor"]})
    ids = [event["event_id"] for event in first.body["events"] + rest.body["events"]]
    assert ids == [event.event_id for event in same[::-1]]
    # The page number goes on; the total is that of the walk's beginning.
    assert rest.body["pagination"] == {
        "page": 2,
        "limit": 4,
        "total_pages": 2,
        "total_items": 6,
        "next_cursor": None,
    }


async def test_filters_alone_and_combined(api: ApiUser, shared_store: MongoStore) -> None:
    tenant = api.tenant_id
    events = [
        an_event(tenant, 0, event="signup", domain="a.example", contact_id="ct_1"),
        an_event(tenant, 1, event="signup", domain="b.example"),
        an_event(tenant, 2, domain="a.example", contact_id="ct_2", data={"title": "Étude of (x)"}),
        replace(an_event(tenant, 3, contact_id="ct_1"), url="https://www.example.com/Pricing?a=1.5"),
    ]
    await shared_store.events.insert(events)
    number = {event.event_id: index for index, event in enumerate(events)}

    async def found(**params: Any) -> list[int]:
        numbers = [number[one] for one in await listed(api, **params)]
        count = await api.get("/v1/events", params={**params, "count_only": "true"})
        assert count.body == {"status": "success", "count": len(numbers)}
        return numbers

    assert await found(event_type="signup") == [1, 0]
    assert await found(contact_id="ct_1") == [3, 0]
    assert await found(domain="a.example") == [2, 0]
    assert await found(url_contains="pricing?A=1.5") == [3]
    assert await found(url_contains="1x5") == []
    assert await found(search="étude OF (x)") == [2]
    assert await found(search="SIGN") == [1, 0]
    assert await found(identified_only="true") == [3, 2, 0]
    assert await found(identified_only="false") == [3, 2, 1, 0]
    assert await found(date_after="2026-11-23T08:01:00Z") == [3, 2]
    assert await found(date_before="2026-11-23T10:01:00+02:00") == [0]
    assert await found(date_after="2026-11-23", date_before="2026-11-23T08:02:00") == [1, 0]
    assert await found(event_type="signup", contact_id="ct_1", domain="a.example", search="sign") == [0]
    assert await found(event_type="signup", identified_only="true", sort_by="received_at", sort_dir="asc") == [0]
    assert await found(event_type="Signup") == []


async def test_summary(api: ApiUser, shared_store: MongoStore) -> None:
    ids = await stored(shared_store, api, 1)
    reply = await api.get("/v1/events", params={"fields": "summary"})
    assert reply.body["events"] == [
        {
            "event_id": ids[0],
            "event": "page_view",
            "source": "tracker",
            "timestamp": "2026-11-23T08:00:00.000Z",
            "url": "https://www.example.com/0",
            "contact_id": None,
        }
    ]


async def test_another_tenants_events_are_invisible(api: ApiUser, new_user: Any, shared_store: MongoStore) -> None:
    await stored(shared_store, api, contact_id="ct_shared")
    first = await api.get("/v1/events", params={"limit": 1})
    other = await new_user()

    assert await listed(other) == []
    assert await listed(other, contact_id="ct_shared") == []
    assert await listed(other, limit=1, cursor=first.body["pagination"]["next_cursor"]) == []
    assert (await other.get("/v1/events/types")).body["event_types"] == []
    assert (await other.get("/v1/events", params={"count_only": "true"})).body["count"] == 0


async def test_event_types(api: ApiUser, shared_store: MongoStore) -> None:
    names = ["signup", "a b", "Ärger", "page_view"]
    await shared_store.events.insert([an_event(api.tenant_id, number, event=names[number % 4]) for number in range(12)])
    reply = await api.get("/v1/events/types")
    assert reply.body == {"status": "success", "event_types": sorted(names)}


async def test_events_need_their_scope(new_user: Any) -> None:
    reader = await new_user(scopes=[Scope.CONTACTS_READ])
    for path in ("/v1/events", "/v1/events/types"):
        reply = await reader.get(path)
        assert (reply.status, reply.code) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"page": "0"}, "page"),
        ({"page": "5001"}, "page"),
        ({"page": "9" * 30}, "page"),
        ({"sort_by": "event"}, "sort_by"),
        ({"sort_dir": "down"}, "sort_dir"),
        ({"fields": "all"}, "fields"),
        ({"count_only": "perhaps"}, "count_only"),
        ({"identified_only": ""}, "identified_only"),
        ({"date_after": "yesterday"}, "date_after"),
        ({"date_after": "1700000000"}, "date_after"),
        ({"date_before": "0001-01-01T00:00:00+23:00"}, "date_before"),
        ({"date_before": "2026-02-30"}, "date_before"),
        ({"event_type": ""}, "event_type"),
        ({"event_type": "a\0b"}, "event_type"),
        ({"url_contains": "\0"}, "url_contains"),
        ({"search": "x" * 257}, "search"),
        ({"contact_id[$ne]": "1"}, "contact_id[$ne]"),
        ({"cursor": ""}, "cursor"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "x" * 9000}, None),
    ],
)
async def test_bad_queries_are_refused_and_named(api: ApiUser, params: dict[str, str], field: str | None) -> None:
    reply = await api.get("/v1/events", params=params)
    assert reply.status == 400 if field is None else refused(reply, field), reply


async def test_a_cursor_is_bound_to_its_query(api: ApiUser, shared_store: MongoStore) -> None:
    await stored(shared_store, api)
    params = {"limit": 2, "event_type": "page_view"}
    cursor = (await api.get("/v1/events", params=params)).body["pagination"]["next_cursor"]

    assert refused(await api.get("/v1/events", params={"cursor": cursor}), "cursor")
    assert refused(await api.get("/v1/events", params={**params, "cursor": cursor, "sort_dir": "asc"}), "cursor")
    assert refused(await api.get("/v1/events", params={**params, "cursor": cursor, "sort_by": "received_at"}), "cursor")
    assert refused(await api.get("/v1/events", params={**params, "cursor": cursor, "page": 2}), "page")
    assert len(await listed(api, **params, cursor=cursor)) == 2
    assert len(await listed(api, **{**params, "limit": 3}, cursor=cursor, fields="summary")) == 3


async def test_hostile_texts_are_just_text(api: ApiUser, shared_store: MongoStore) -> None:
    await stored(shared_store, api, 2)
    url = [replace(an_event(api.tenant_id, 10 + n), url=f"x{text}y") for n, text in enumerate(HOSTILE)]
    await shared_store.events.insert(url)

    for event, text in zip(url, HOSTILE, strict=True):
        assert event.event_id in await listed(api, url_contains=text), text
        assert len(await listed(api, url_contains=text)) < len(HOSTILE), text
        for name in ("search", "domain", "event_type", "contact_id"):
            assert (await api.get("/v1/events", params={name: text})).status == 200
    assert await listed(api, url_contains=".*") == [url[0].event_id]


async def test_invalid_bytes_in_a_query_are_no_500(api: ApiUser) -> None:
    for raw in ("%FF", "%ED%A0%80", "%00", "%u0041", "%", "+"):
        for name in ("search", "cursor", "contact_id", "date_after"):
            assert (await api.get(f"/v1/events?{name}={raw}")).status in (200, 400)


async def test_the_audit_log_of_a_deleted_contact(api: ApiUser) -> None:
    contact = await api.create_contact()
    assert (await api.request("DELETE", f"/v1/contacts/{contact['contact_id']}")).status == 200

    reply = await api.get("/v1/events", params={"contact_id": contact["contact_id"]})
    assert {event["event"] for event in reply.body["events"]} >= {"contact_created", "contact_deleted"}


async def test_totals_and_time_are_bounded(
    api: ApiUser, shared_store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = {"tenant_id": api.tenant_id, "event": "e", "source": "tracker", "received_at": MORNING}
    documents = [
        {**template, "_id": f"{api.tenant_id}-{n}", "timestamp": MORNING + timedelta(seconds=n)} for n in range(100_001)
    ]
    collection = shared_store.database["events"]
    parts = [documents[start : start + 25_001] for start in range(0, len(documents), 25_001)]
    await asyncio.gather(*(collection.insert_many(part, ordered=False) for part in parts))

    reply = await api.get("/v1/events")
    assert reply.body["pagination"]["total_items"] == 100_000
    assert reply.body["pagination"]["total_is_lower_bound"] is True
    following = await api.get("/v1/events", params={"cursor": reply.body["pagination"]["next_cursor"]})
    assert following.body["pagination"]["total_is_lower_bound"] is True
    one_less = await api.get("/v1/events", params={"date_after": "2026-11-23T08:00:00Z"})
    assert one_less.body["pagination"]["total_items"] == 100_000
    assert "total_is_lower_bound" not in one_less.body["pagination"]
    assert (await api.get("/v1/events", params={"count_only": "true"})).body["count"] == 100_001

    monkeypatch.setattr(event_lists, "LIST_MS", 1)
    for params in ({"search": "nothing"}, {"search": "nothing", "count_only": "true"}):
        reply = await api.get("/v1/events", params=params)
        assert (reply.status, reply.code) == (503, "too_slow")
