"""POST /v1/track: visitor events from web pages, on a real Kafka."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.runtime.outcomes import Record
from consumers.tracker.normalise import normalise
from deploy.bootstrap import Core, build_core
from deploy.stack.directory import DataDirectory
from deploy.stack.mock_kafka import MockKafka
from schemas.scopes import Scope
from schemas.topics import TRACKER_EVENTS
from service.kafka.intake import KafkaInboundPublisher
from service.kafka.topics import create_topics
from service.mongo.store import MongoStore
from service.settings import TopicSettings
from tests.support.api import ApiUser, serve
from tests.support.doors import CORS, SITE, VISIT, beacon, page_key, preflight
from tests.support.freezing import freeze, thaw
from tests.support.openapi import assert_described
from tests.support.relay import read_committed
from tests.support.waiting import eventually

BODY = {"events": [VISIT]}


@pytest.fixture
def core(shared_store: MongoStore) -> Core:
    return build_core(shared_store)


async def tracked(kafka_bootstrap: str, prefix: str, tenant_id: str) -> list[tuple[Any, dict[str, Any]]]:
    """A tenant's records and their envelopes."""
    records = await read_committed(kafka_bootstrap, prefix + TRACKER_EVENTS)
    both = [(record, json.loads(record.value)) for record in records]
    return [(record, envelope) for record, envelope in both if envelope["tenant_id"] == tenant_id]


async def test_a_page_sends_events_and_kafka_has_them(
    api: ApiUser, core: Core, kafka_bootstrap: str, shared_prefix: str
) -> None:
    key = await page_key(core, api.tenant_id)
    events = [{**VISIT, "visitorId": f"v-{n}", "message_id": f"m-{n}"} for n in range(10)]

    reply = await beacon(api, key, {"events": events})

    assert (reply.status, reply.body) == (202, {"status": "success", "accepted": 10})
    assert_described("POST", "/v1/track", reply)
    assert (reply.headers[CORS], reply.headers["Vary"]) == (SITE, "Origin")
    found = await tracked(kafka_bootstrap, shared_prefix, api.tenant_id)
    assert {envelope["message_id"]: record.key for record, envelope in found} == {
        event["message_id"]: event["visitorId"].encode() for event in events
    }
    request_id = reply.headers["X-Request-Id"].encode()
    assert all(dict(record.headers)["x-request-id"] == request_id for record, _ in found)
    assert all("aiohttp" in envelope["userAgent"] for _, envelope in found), "the request's, since the events had none"


async def test_the_key_may_stand_in_the_header_and_a_server_needs_no_origin(api: ApiUser, core: Core) -> None:
    page = ApiUser(api.http, api.tenant_id, "", await page_key(core, api.tenant_id))
    assert (await page.post("/v1/track", BODY, headers={"Origin": SITE})).status == 202

    server = await api.post("/v1/track?key=nobodys", BODY)  # the header counts
    assert server.status == 202
    assert CORS not in server.headers
    assert (await api.post("/v1/track", BODY, headers={"Origin": SITE})).headers.get(CORS) is None


async def test_a_repeat_is_not_sent_again(api: ApiUser, kafka_bootstrap: str, shared_prefix: str) -> None:
    for _ in range(2):
        reply = await api.post("/v1/track", BODY, headers={"Idempotency-Key": "once"})
        assert (reply.status, reply.body["accepted"]) == (202, 1)
    assert reply.headers["Idempotency-Replayed"] == "true"
    assert len(await tracked(kafka_bootstrap, shared_prefix, api.tenant_id)) == 1


async def test_a_browser_is_told_only_of_origins_that_a_key_is_for(api: ApiUser, core: Core) -> None:
    mine = f"https://{api.tenant_id}.example"
    key = await page_key(core, api.tenant_id, mine)

    told = await preflight(api, mine)
    assert told.status == 204
    assert told.headers[CORS] == mine
    assert told.headers["Access-Control-Allow-Methods"] == "POST"
    assert {"authorization", "content-type"} <= set(told.headers["Access-Control-Allow-Headers"].lower().split(", "))
    for other in ("https://evil.example", f"{mine}.evil.example", "null", None):
        refused = await preflight(api, other)
        assert (refused.status, CORS in refused.headers, refused.headers["Vary"]) == (204, False, "Origin")
        reply = await beacon(api, key, BODY, origin=other)
        assert (reply.status, reply.code, CORS in reply.headers) == (403, "origin_not_allowed", False)
        assert_described("POST", "/v1/track", reply)

    [stored] = [one for one in await core.store.api_keys.of_tenant(api.tenant_id) if one.publishable]
    await core.store.api_keys.revoke(stored.key_id, datetime.now(UTC))
    assert CORS not in (await preflight(api, mine)).headers
    assert (await beacon(api, key, BODY, origin=mine)).code == "invalid_api_key"


async def test_a_publishable_key_can_do_nothing_else(api: ApiUser, core: Core) -> None:
    text = await page_key(core, api.tenant_id)
    page = ApiUser(api.http, api.tenant_id, "", text)
    for path in ("/v1/contacts", "/v1/auth/status", "/v1/events"):
        reply = await page.get(path, headers={"Origin": SITE})
        assert (reply.status, reply.code) == (403, "scope_missing"), path
    assert (await page.post("/v1/contacts", {"email": "a@example.com"})).code == "scope_missing"
    # Nor can it be passed off as a secret key, or a secret key be put into an address.
    page.api_key = text.replace("pbp_", "pbk_", 1)
    assert (await page.post("/v1/track", BODY, headers={"Origin": SITE})).code == "invalid_api_key"
    assert (await beacon(api, api.api_key, BODY)).code == "invalid_api_key"


async def test_bad_batches_are_refused_whole_and_the_page_may_read_why(
    api: ApiUser, core: Core, kafka_bootstrap: str, shared_prefix: str
) -> None:
    key = await page_key(core, api.tenant_id)
    cases: list[tuple[Any, int, str, str | None]] = [
        ({"events": [VISIT, {"event": ""}]}, 400, "validation_failed", "events.1.event"),
        ({"events": [VISIT, {**VISIT, "tenant_id": "other"}]}, 400, "validation_failed", "events.1.tenant_id"),
        ({"events": [{**VISIT, "data": {"a": 2**63}}]}, 400, "validation_failed", "events.0.data"),
        *(
            ({"events": [VISIT, {"event": "x", name: "a\ud800"}]}, 400, "validation_failed", f"events.1.{name}")
            for name in ("url", "visitorId", "sessionId", "external_contact_id", "ga_user_id", "message_id")
        ),
        ({"events": [VISIT, {**VISIT, "data": {"a": "x" * 65_536}}]}, 400, "validation_failed", "events.1"),
        ({"events": []}, 400, "validation_failed", "events"),
        ({"events": [VISIT] * 11}, 400, "validation_failed", "events"),
        ([VISIT], 400, "validation_failed", ""),
        (b"\xff", 400, "malformed_json", None),
        (b"[" * 100_000, 400, "malformed_json", None),
        (b" " * 2_000_000, 413, "body_too_large", None),
    ]
    for body, status, code, field in cases:
        reply = await beacon(api, key, body)
        assert (reply.status, reply.code, reply.headers[CORS]) == (status, code, SITE), reply
        assert field in (None, *(detail["field"] for detail in reply.body.get("details", ())))
        assert_described("POST", "/v1/track", reply)
    form = {"Origin": SITE, "Content-Type": "application/x-www-form-urlencoded"}
    async with api.http.post("/v1/track", params={"key": key}, data=b"{}", headers=form) as response:
        assert response.status == 415
    assert await tracked(kafka_bootstrap, shared_prefix, api.tenant_id) == []


async def test_a_key_without_the_scope_is_refused(new_user: Any) -> None:
    user = await new_user(scopes=[scope for scope in Scope if scope is not Scope.TRACK_WRITE])
    assert (await user.post("/v1/track", BODY)).code == "scope_missing"


async def test_without_kafka_there_is_503_and_nothing_is_claimed(core: Core, unused_tcp_port: int) -> None:
    publisher = KafkaInboundPublisher(f"127.0.0.1:{unused_tcp_port}")
    doors = build_core(core.store, publisher=publisher)
    async with serve(doors) as url:
        user = await ApiUser.create(url, core)
        started = time.monotonic()
        replies = await asyncio.gather(*(user.post("/v1/track", BODY) for _ in range(5)))
        assert time.monotonic() - started < 10, "the bound that is promised, not a measure of speed"
        for reply in replies:
            assert (reply.status, reply.code) == (503, "stream_unavailable")
            assert int(reply.headers["Retry-After"]) > 0
            assert_described("POST", "/v1/track", reply)
        assert (await user.create_contact())["contact_id"], "writes that need no Kafka go on"
        await user.close()
    await publisher.close()


@pytest.fixture
async def mock(tmp_path: Path) -> AsyncIterator[MockKafka]:
    """A mock of Kafka of the test's own, in a process that can be stopped (SIGSTOP)."""
    kafka = MockKafka(DataDirectory(tmp_path), threading.Event())
    kafka.start()
    yield kafka
    assert kafka.pid is not None
    thaw(kafka.pid)
    kafka.kill()


async def test_a_kafka_that_stops_is_noticed_and_what_is_sent_again_is_one_event(
    core: Core, mock: MockKafka, topic_prefix: str
) -> None:
    await create_topics(TopicSettings(kafka_bootstrap=mock.address, topic_prefix=topic_prefix))
    publisher = KafkaInboundPublisher(mock.address, topic_prefix, publish_seconds=1.5)
    assert mock.pid is not None
    async with serve(build_core(core.store, publisher=publisher)) as url:
        user = await ApiUser.create(url, core)
        assert (await user.post("/v1/track", BODY)).status == 202
        freeze(mock.pid)
        unmarked = {"events": [{"event": "page_view", "visitorId": "v-2"}]}
        assert [(await user.post("/v1/track", unmarked)).status for _ in range(2)] == [503, 503]
        thaw(mock.pid)

        async def taken() -> bool:
            return (await user.post("/v1/track", unmarked)).status == 202

        await eventually(taken, 30, "Kafka is back")
        found = await tracked(mock.address, topic_prefix, user.tenant_id)
        await user.close()
    await publisher.close()
    # Of those that were answered with 503 Kafka may have some: they are the same event.
    received = datetime(2026, 11, 23, tzinfo=UTC)
    events = {
        normalise(Record(TRACKER_EVENTS, 0, 0, None, record.value, received), timedelta(0)).event_id
        for record, _ in found
    }
    assert {envelope["visitorId"] for _, envelope in found} == {"v-1", "v-2"}
    assert len(events) == 2
