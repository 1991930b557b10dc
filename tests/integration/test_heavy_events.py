"""Events of some megabytes, as a producer on Kafka may send them: every list of events gives them in bounded memory."""

import tracemalloc
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from deploy.bootstrap import build_core
from schemas.topics import MAX_RECORD_BYTES
from service.contacts.read import RECENT_EVENTS
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.events import page_view, visitor

WEIGHT = 5_000_000
EVENTS = 30
FILL = "~"


@dataclass(frozen=True)
class Heavy:
    """A contact with EVENTS of WEIGHT bytes, newest first, and its creation, which is newer."""

    user: ApiUser
    contact_id: str
    event_ids: list[str]

    async def ask(self, method: str, path: str, **given: Any) -> tuple[Any, Any, int]:
        """(the answer without what makes it heavy, its headers, peak memory until it had come)."""
        given["headers"] = {"Authorization": f"Bearer {self.user.api_key}"} | given.get("headers", {})
        tracemalloc.start()
        try:
            body = b""
            async with self.user.http.request(method, path, **given) as response:
                assert response.status == 200
                async for chunk in response.content.iter_any():
                    body += chunk.replace(FILL.encode(), b"")
            return orjson.loads(body), response.headers, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.fixture
async def heavy(api: ApiUser, shared_store: MongoStore) -> Heavy:
    core = build_core(shared_store)
    contact_id = (await api.create_contact(visitor_id="v"))["contact_id"]
    who = visitor(api.tenant_id, "v")
    events = [
        page_view(api.tenant_id, who, minute=n, data={"seen": [FILL * 1_000] * (WEIGHT // 1_000)})
        for n in range(EVENTS)
    ]
    for start in range(0, EVENTS, 3):
        await core.ingest(events[start : start + 3])
    [created] = await api.events(contact_id, event_type="contact_created")
    return Heavy(api, contact_id, [created["event_id"], *(one.event_id for one in reversed(events))])


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [one["event_id"] for one in events]


async def test_every_list_of_events_gives_heavy_ones_in_bounded_memory(heavy: Heavy) -> None:
    bound = 8 * MAX_RECORD_BYTES
    contact = f"/v1/contacts/{heavy.contact_id}"
    body = {"contact_ids": ["ct_nobody", heavy.contact_id], "limit": EVENTS}

    listed, _, peak = await heavy.ask("GET", "/v1/events", params={"limit": EVENTS})
    assert ids(listed["events"]) == heavy.event_ids[:EVENTS]
    assert (listed["pagination"]["total_items"], listed["pagination"]["total_pages"]) == (EVENTS + 1, 2)
    assert peak < bound
    detail, headers, peak = await heavy.ask("GET", contact)
    assert ids(detail["events"]) == heavy.event_ids[:RECENT_EVENTS]
    assert list(detail) == ["status", "contact", "unified_profile", "actions", "events"]
    assert headers["ETag"] == f'"{detail["contact"]["version"]}"'
    assert peak < bound
    activity, _, peak = await heavy.ask("POST", "/v1/batch/activity", json=body)
    assert [(one["contact_id"], ids(one["events"])) for one in activity["activity"]] == [
        (heavy.contact_id, heavy.event_ids[:EVENTS])
    ]
    assert peak < bound


async def test_pages_of_heavy_events_meet(heavy: Heavy) -> None:
    asked = {"limit": 7, "contact_id": heavy.contact_id}
    by_number: list[str] = []
    by_cursor: list[str] = []
    cursor: dict[str, Any] = {}
    for page in range(1, 6):
        answer, _, _ = await heavy.ask("GET", "/v1/events", params=asked | {"page": page})
        by_number += ids(answer["events"])
        answer, _, _ = await heavy.ask("GET", "/v1/events", params=asked | cursor)
        by_cursor += ids(answer["events"])
        cursor = {"cursor": answer["pagination"]["next_cursor"]}
    assert by_number == by_cursor == heavy.event_ids
    assert cursor == {"cursor": None}


async def test_a_heavy_activity_is_given_again_for_its_idempotency_key(heavy: Heavy) -> None:
    asked = {"json": {"contact_ids": [heavy.contact_id]}, "headers": {"Idempotency-Key": "k"}}
    first, _, _ = await heavy.ask("POST", "/v1/batch/activity", **asked)
    again, _, _ = await heavy.ask("POST", "/v1/batch/activity", **asked)
    assert first == again
    assert ids(first["activity"][0]["events"]) == heavy.event_ids[:10]


async def test_an_export_holds_a_few_heavy_events_at_once(heavy: Heavy, shared_store: MongoStore) -> None:
    portions = build_core(shared_store).export.events(heavy.user.tenant_id, None)
    sizes = [len(portion) async for portion in portions]
    assert sum(sizes) == EVENTS + 1
    assert max(sizes) <= MAX_RECORD_BYTES // WEIGHT + 2
