"""Requests that take too long to arrive or to be answered, and what is no HTTP at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from deploy.bootstrap import Core, build_core
from service.api.limits import ApiLimits
from service.mongo.contact_details import MongoContactDetails
from service.mongo.session import MongoSession
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply, serve
from tests.support.openapi import assert_described
from tests.support.waiting import eventually

SHORT = ApiLimits(rate_limit_per_second=0, request_timeout_seconds=0.5)


@pytest.fixture
async def impatient(shared_store: MongoStore) -> AsyncIterator[tuple[ApiUser, Core]]:
    """A user of an API that waits for half a second."""
    core = build_core(shared_store)
    async with serve(core, limits=SHORT) as url:
        user = await ApiUser.create(url, core)
        yield user, core
        await user.close()


async def exchange(user: ApiUser, sent: bytes) -> Reply:
    """Send bytes, and read what comes until the connection is closed."""
    url = user.http._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    try:
        writer.write(sent)
        async with asyncio.timeout(30):
            received = await reader.read()
    finally:
        writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Reply(int(status.split()[1]), headers, json.loads(body))


async def test_an_answer_that_takes_too_long_is_503(impatient: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user, core = impatient
    never = asyncio.Event()
    monkeypatch.setattr(type(core.store.contact_details), "get", lambda *_: never.wait())

    reply = await user.get("/v1/contacts/ct_1")

    assert (reply.status, reply.code) == (503, "timeout")
    assert_described("GET", "/v1/contacts/{contact_id}", reply)


async def test_only_the_requests_own_time_runs_out(api: ApiUser, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise TimeoutError

    monkeypatch.setattr(MongoContactDetails, "get", fail)
    reply = await api.get("/v1/contacts/ct_1")
    assert (reply.status, reply.code) == (500, "internal")


async def test_a_sender_who_goes_before_the_end_of_its_body_is_no_fault_of_ours(api: ApiUser) -> None:
    def answered(status: str) -> float:
        labels = {"method": "POST", "route": "/v1/contacts", "status": status}
        return REGISTRY.get_sample_value("pathbound_http_request_seconds_count", labels) or 0

    before, faults = answered("400"), answered("500")
    url = api.http._base_url
    assert url is not None
    _, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.api_key}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()

    async def told() -> bool:
        return answered("400") > before

    await eventually(told, 10, "the request to be counted")
    assert answered("500") == faults


async def test_a_change_that_takes_too_long_is_still_ended(impatient: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user, _ = impatient
    go_on = asyncio.Event()
    original = MongoSession.transaction

    async def slow(*given: Any) -> Any:
        await go_on.wait()
        return await original(*given)

    monkeypatch.setattr(MongoSession, "transaction", slow)
    reply = await user.post("/v1/contacts", {"email": "slow@example.com"}, headers={"Idempotency-Key": "once"})
    assert (reply.status, reply.code) == (503, "timeout")
    go_on.set()

    async def is_there() -> bool:
        return bool((await user.get("/v1/contacts?count_only=true")).body["count"] == 1)

    await eventually(is_there, 20, "the change is made all the same")
    again = await user.post("/v1/contacts", {"email": "slow@example.com"}, headers={"Idempotency-Key": "once"})
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")


async def test_a_stream_may_take_longer_once_it_has_begun(impatient: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user, core = impatient
    contact = await user.create_contact()
    loop = asyncio.get_running_loop()
    original = type(core.store.notes).newest

    async def slow(*given: Any) -> AsyncIterator[Any]:
        async for portion in original(*given):
            yield portion
            # Twice as long as a request may take.
            done: asyncio.Future[None] = loop.create_future()
            loop.call_later(2 * SHORT.request_timeout_seconds, done.set_result, None)
            await done

    await user.post(f"/v1/contacts/{contact['contact_id']}/notes", {"content": "A note."})
    monkeypatch.setattr(type(core.store.notes), "newest", slow)

    reply = await user.get(f"/v1/contacts/{contact['contact_id']}/notes")

    assert [note["content"] for note in reply.body["notes"]] == ["A note."]


async def test_a_body_that_never_arrives_is_408(impatient: Any) -> None:
    user, _ = impatient
    head = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.api_key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"

    reply = await exchange(user, head.encode() + b'{"email": ')

    assert (reply.status, reply.code) == (408, "timeout")
    assert reply.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Evil: a\0<evil>\r\n\r\n",
        b"<evil> / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /<evil> HTTP/9.9.9\r\nHost: x\r\n\r\n",
        b"evil evil evil\r\n\r\n",
        b"\x16\x03\x01\x02\x00evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: evil\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"evil" * 10_000 + b"\r\n\r\n",
        b"GET /" + b"evil" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-evil: 1\r\n" * 1_000 + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nevil",
    ],
)
async def test_what_is_no_http_gets_a_400_that_repeats_nothing(impatient: Any, sent: bytes) -> None:
    user, _ = impatient

    reply = await exchange(user, sent)

    assert (reply.status, reply.code) == (400, "bad_request")
    assert reply.body["request_id"] == reply.headers["X-Request-Id"]
    assert "evil" not in f"{reply.headers}{reply.body}"


async def test_a_body_that_is_not_sent_as_it_says_is_400(impatient: Any) -> None:
    user, _ = impatient
    head = f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.api_key}\r\nConnection: close\r\n"

    chunked = f"{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    reply = await exchange(user, chunked.encode() + b"evil\r\n")

    assert (reply.status, reply.code) == (400, "bad_request")
    assert "evil" not in f"{reply.headers}{reply.body}"


async def test_an_expectation_that_nobody_knows_is_refused_in_our_words(impatient: Any) -> None:
    user, _ = impatient

    reply = await exchange(user, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: evil\r\n\r\n")

    assert (reply.status, reply.code) == (417, "bad_request")
    assert reply.body["request_id"] == reply.headers["X-Request-Id"]
    assert "evil" not in f"{reply.headers}{reply.body}"
