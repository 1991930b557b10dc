"""GET /v1/contacts/events/:contact_id."""

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from service.timeline.model import TimelineEvent
from tests.support.api import ApiUser
from tests.support.events import page_view, visitor


async def a_contact_with(api: ApiUser, store: MongoStore, count: int) -> tuple[str, list[TimelineEvent]]:
    """A contact with page views and, every third minute, a click; two events share each minute."""
    contact_id = (await api.create_contact(visitor_id="v"))["contact_id"]
    events = [page_view(api.tenant_id, visitor(api.tenant_id, "v"), minute=n // 2) for n in range(count)]
    events = [replace(event, event="button_click") if n % 3 == 0 else event for n, event in enumerate(events)]
    ingest = build_core(store).ingest
    for start in range(0, count, 1000):
        await ingest(events[start : start + 1000])
    return contact_id, events


async def test_all_events_newest_first_unless_told_otherwise(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id, events = await a_contact_with(api, shared_store, 50)

    newest_first = await api.events(contact_id)

    assert len(newest_first) == 51, "with the contact's own creation"
    keys = [(event["timestamp"], event["event_id"]) for event in newest_first]
    assert keys == sorted(keys, reverse=True)
    assert await api.events(contact_id, sort_dir="desc") == newest_first
    assert await api.events(contact_id, sort_dir="asc") == newest_first[::-1]
    visit = next(event for event in newest_first if event["event_id"] == events[1].event_id)
    assert visit == {
        "event_id": events[1].event_id,
        "_id": events[1].event_id,
        "event": "page_view",
        "source": "tracker",
        "timestamp": "2026-11-23T08:00:00.000Z",
        "received_at": "2026-11-23T08:00:00.000Z",
        "url": "https://www.example.com/0",
        "domain": None,
        "data": {"title": "Page 0"},
        "visitor_id": "v",
        "session_id": None,
        "contact_id": contact_id,
    }


async def test_filtered_by_event_type(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id, events = await a_contact_with(api, shared_store, 30)

    clicks = await api.events(contact_id, event_type="button_click", sort_dir="asc")

    wanted = [event for event in events if event.event == "button_click"]
    assert {event["event_id"] for event in clicks} == {event.event_id for event in wanted}
    assert await api.events(contact_id, event_type="$ne") == []


@pytest.mark.parametrize("sort_dir", ["asc", "desc"])
async def test_a_walk_by_cursor_meets_each_event_once(api: ApiUser, shared_store: MongoStore, sort_dir: str) -> None:
    contact_id, _ = await a_contact_with(api, shared_store, 23)
    path, params = f"/v1/contacts/events/{contact_id}", {"limit": "4", "sort_dir": sort_dir}

    walked: list[Any] = []
    while True:
        body = (await api.get(path, params=params)).body
        assert len(body["events"]) <= 4
        walked += body["events"]
        if body["pagination"]["next_cursor"] is None:
            break
        params["cursor"] = body["pagination"]["next_cursor"]

    assert walked == await api.events(contact_id, sort_dir=sort_dir)


async def _streamed(api: ApiUser, contact_id: str) -> tuple[int, int]:
    """(bytes of the answer, peak memory while it came); server and client share this process."""
    headers = {"Authorization": f"Bearer {api.api_key}"}
    size = 0
    tracemalloc.start()
    try:
        async with api.http.get(f"/v1/contacts/events/{contact_id}", headers=headers) as response:
            assert response.headers["Transfer-Encoding"] == "chunked"
            async for chunk in response.content.iter_any():
                size += len(chunk)
        return size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_memory_does_not_grow_with_the_number_of_events(api: ApiUser, new_user: Any, shared_store: Any) -> None:
    other = await new_user()
    some, _ = await a_contact_with(api, shared_store, 4_000)
    many, _ = await a_contact_with(other, shared_store, 20_000)

    size_of_some, peak_of_some = await _streamed(api, some)
    size_of_many, peak_of_many = await _streamed(other, many)

    assert size_of_many > 4.9 * size_of_some
    assert peak_of_many < 2 * peak_of_some
