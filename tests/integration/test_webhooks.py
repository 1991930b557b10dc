"""POST /v1/webhooks/intercom/:tenant: what Intercom sends, on a real Kafka."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.bootstrap import build_core
from schemas.topics import INTERCOM_EVENTS
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, serve
from tests.support.doors import notify
from tests.support.openapi import assert_described
from tests.support.relay import read_committed

PATH = "/v1/webhooks/intercom/{tenant}"
SECRET = "a-client-secret"
# Spelt as no program of ours would spell it: what was signed goes on to the letter.
REPLY = (
    b'{ "type":"notification_event", "topic":"conversation.user.replied", "id":"notif_1",\n'
    b' "data":{"item":{"type":"conversation","id":"1201","note":"\\u00e9 \xc3\xa9"}} }'
)


@pytest.fixture
async def tenant(api: ApiUser, shared_store: MongoStore) -> str:
    """A tenant whose Intercom app is known."""
    await shared_store.webhook_secrets.put(api.tenant_id, "intercom", SECRET, datetime.now(UTC))
    return api.tenant_id


async def notifications(kafka_bootstrap: str, prefix: str, tenant_id: str) -> list[Any]:
    records = await read_committed(kafka_bootstrap, prefix + INTERCOM_EVENTS)
    return [record for record in records if json.loads(record.value)["tenant_id"] == tenant_id]


async def test_a_signed_notification_is_on_the_topic_as_it_came(
    api: ApiUser, tenant: str, kafka_bootstrap: str, shared_prefix: str
) -> None:
    reply = await notify(api, tenant, SECRET, REPLY)

    assert (reply.status, reply.body) == (202, {"status": "success"})
    assert_described("POST", PATH, reply)
    [record] = await notifications(kafka_bootstrap, shared_prefix, tenant)
    assert record.key == b"1201"
    assert REPLY in record.value
    assert json.loads(record.value) == {"tenant_id": tenant, "notification": json.loads(REPLY)}
    assert dict(record.headers)["x-request-id"].decode() == reply.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ({"type": "conversation", "id": 1201}, b"1201"),
        ({"conversation_id": "1202"}, b"1202"),
        ({"type": "conversation_part", "id": "part-1", "conversation_id": "1203"}, b"1203"),
        ({"type": "contact", "id": "contact-1"}, b"contact-1"),
        ({"type": "contact_tag", "contact": {"id": "contact-2"}}, b"contact-2"),
        ({"conversation_id": "", "id": "1204"}, b"1204"),
        ({"type": "visitor_tag", "user": {"id": "user-1"}}, b"user-1"),
        ({"type": "contact", "id": "\ud800"}, b"?"),
        ({"type": "ping"}, None),
        (None, None),
    ],
)
async def test_what_is_told_of_one_conversation_or_contact_has_one_key(
    api: ApiUser, tenant: str, kafka_bootstrap: str, shared_prefix: str, item: Any, key: bytes | None
) -> None:
    body = json.dumps({"type": "notification_event", "data": {"item": item}}).encode()
    assert (await notify(api, tenant, SECRET, body, **{"Content-Type": "text/html"})).status == 202
    assert [record.key for record in await notifications(kafka_bootstrap, shared_prefix, tenant)] == [key]


async def test_whatever_is_not_signed_by_the_tenant_gets_one_and_the_same_answer(
    api: ApiUser, tenant: str, kafka_bootstrap: str, shared_prefix: str
) -> None:
    refused = [
        await notify(api, tenant, "another-secret", REPLY),
        await notify(api, tenant, SECRET, REPLY, **{"X-Hub-Signature": ""}),
        await notify(api, tenant, SECRET, REPLY, **{"X-Hub-Signature": "sha1=\u00e9"}),
        await notify(api, "nobody", SECRET, REPLY),
        await notify(api, "$x%00", SECRET, REPLY),
        # A bad body of nobody is nobody's first.
        await notify(api, "nobody", SECRET, b"{"),
    ]
    for reply in refused:
        assert (reply.status, reply.code) == (401, "invalid_signature")
        assert reply.body["error"] == refused[0].body["error"]
        assert_described("POST", PATH, reply)
        assert tenant not in str(reply.body)
    assert await notifications(kafka_bootstrap, shared_prefix, tenant) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"a": "\xff"}', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"data": NaN}', 400, "malformed_json"),
        (b"[]", 400, "validation_failed"),
        (b'"text"', 400, "validation_failed"),
        (b'{"a": "' + b"x" * 2_000_000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_what_is_no_json_object_is_refused_though_it_is_signed(
    api: ApiUser, tenant: str, body: bytes, status: int, code: str
) -> None:
    reply = await notify(api, tenant, SECRET, body)
    assert (reply.status, reply.code) == (status, code)
    assert_described("POST", PATH, reply)


async def test_the_newest_secret_is_the_one_until_it_is_removed(
    api: ApiUser, tenant: str, shared_store: MongoStore
) -> None:
    await shared_store.webhook_secrets.put(tenant, "intercom", "the-next-secret", datetime.now(UTC))
    assert (await notify(api, tenant, SECRET, REPLY)).status == 401
    assert (await notify(api, tenant, "the-next-secret", REPLY)).status == 202
    assert await shared_store.webhook_secrets.remove(tenant, "intercom")
    assert not await shared_store.webhook_secrets.remove(tenant, "intercom")
    assert (await notify(api, tenant, "the-next-secret", REPLY)).status == 401


async def test_intercom_may_ask_whether_the_address_is_there(api: ApiUser) -> None:
    for tenant_id in (api.tenant_id, "nobody"):
        async with api.http.head(f"/v1/webhooks/intercom/{tenant_id}") as response:
            assert (response.status, await response.read()) == (200, b"")


async def test_without_kafka_intercom_is_asked_to_send_it_again(
    api: ApiUser, tenant: str, shared_store: MongoStore
) -> None:
    async with serve(build_core(shared_store)) as url:  # a process that can publish nothing
        user = await ApiUser.create(url, build_core(shared_store))
        reply = await notify(user, tenant, SECRET, REPLY)
        await user.close()
    assert (reply.status, reply.code) == (503, "stream_unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    assert_described("POST", PATH, reply)
