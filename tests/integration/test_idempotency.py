"""`Idempotency-Key`: the same request is done once, and answered alike."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from multidict import CIMultiDict

from deploy.bootstrap import build_core
from service.errors import StoreUnavailableError
from service.idempotency.answers import RememberedAnswers
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply
from tests.support.events import page_view, visitor


async def post(api: ApiUser, path: str, body: Any, key: str) -> Reply:
    return await api.post(path, body, headers={"Idempotency-Key": key})


async def test_a_repeat_gets_the_first_answer(api: ApiUser) -> None:
    body = {"email": "ada@example.com", "visitor_id": "v"}

    first = await post(api, "/v1/contacts", body, "k-1")
    await api.request("PUT", f"/v1/contacts/{first.body['contact']['contact_id']}", json={"properties": {"a": 1}})
    again = await post(api, "/v1/contacts", body, "k-1")

    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert [again.headers[name] for name in ("ETag", "Location")] == [first.headers["ETag"], first.headers["Location"]]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


async def test_another_body_under_the_same_key_is_refused(api: ApiUser) -> None:
    await post(api, "/v1/contacts", {"email": "ada@example.com"}, "k-1")

    reply = await post(api, "/v1/contacts", {"email": "bob@example.com"}, "k-1")
    assert (reply.status, reply.code) == (409, "idempotency_key_reused")


async def test_racing_repeats_are_done_once(api: ApiUser) -> None:
    replies = await asyncio.gather(*(post(api, "/v1/contacts", {"email": "a@example.com"}, "k") for _ in range(12)))

    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["contact"]["contact_id"] for reply in replies}) == 1
    contact_id = replies[0].body["contact"]["contact_id"]
    notes = f"/v1/contacts/{contact_id}/notes"
    written = await asyncio.gather(*(post(api, notes, {"content": "once"}, "n") for _ in range(12)))
    assert len({reply.body["note"]["note_id"] for reply in written}) == 1
    assert len((await api.get(notes)).body["notes"]) == 1
    action = {"type": "create_note", "params": {"contact_id": contact_id, "content": "by action"}}
    acted = await asyncio.gather(*(post(api, "/v1/actions", action, "a") for _ in range(6)))
    assert len({reply.body["action_id"] for reply in acted}) == 1
    assert len((await api.get(notes)).body["notes"]) == 2


async def test_keys_are_scoped_to_api_key_and_route(api: ApiUser, new_user: Any) -> None:
    one = await post(api, "/v1/contacts", {"email": "ada@example.com"}, "k")
    other = await post(await new_user(), "/v1/contacts", {"email": "ada@example.com"}, "k")
    assert one.body["contact"]["contact_id"] != other.body["contact"]["contact_id"]
    identified = await post(api, "/v1/identify", {"traits": {"email": "ada@example.com"}}, "k")
    assert identified.body["contact_id"] == one.body["contact"]["contact_id"]


async def test_refusals_are_not_kept(api: ApiUser) -> None:
    first = await api.create_contact("ada@example.com")
    assert (await post(api, "/v1/contacts", {"email": "ada@example.com"}, "k")).code == "email_taken"
    await api.request("DELETE", f"/v1/contacts/{first['contact_id']}")
    assert (await post(api, "/v1/contacts", {"email": "ada@example.com"}, "k")).status == 201


async def test_a_repeat_of_what_changed_nothing_gets_the_first_answer(api: ApiUser) -> None:
    body = {"anonymous_id": "stranger"}
    first = await post(api, "/v1/identify", body, "k")
    assert first.body["contact"] is None
    await api.create_contact(visitor_id="stranger")
    assert (await post(api, "/v1/identify", body, "k")).body == first.body


async def test_racing_repeats_of_what_changes_nothing_are_answered_alike(api: ApiUser) -> None:
    replies = await asyncio.gather(*(post(api, "/v1/identify", {"anonymous_id": "v"}, "k") for _ in range(12)))
    assert {reply.status for reply in replies} == {200}
    assert [reply.body for reply in replies] == [replies[0].body] * 12


@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256])
async def test_malformed_keys_are_refused(api: ApiUser, key: str) -> None:
    reply = await post(api, "/v1/contacts", {"email": "ada@example.com"}, key)
    assert (reply.status, reply.code) == (400, "validation_failed")


async def test_two_keys_are_none(api: ApiUser) -> None:
    headers = CIMultiDict(
        [("Authorization", f"Bearer {api.api_key}"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    )
    async with api.http.post("/v1/contacts", json={"email": "ada@example.com"}, headers=headers) as response:
        assert (response.status, (await response.json())["code"]) == (400, "validation_failed")


async def test_only_a_post_is_done_once(api: ApiUser) -> None:
    path = f"/v1/contacts/{(await api.create_contact())['contact_id']}"
    for city in ("Rome", "Paris"):
        put = await api.request("PUT", path, json={"properties": {"city": city}}, headers={"Idempotency-Key": "k"})
        read = await api.get(path, headers={"Idempotency-Key": "k"})
        assert (put.status, read.body["contact"]["properties"]["city"]) == (200, city)


async def test_an_answer_too_large_to_be_kept_is_given_all_the_same(api: ApiUser, shared_store: MongoStore) -> None:
    contact_id = (await api.create_contact())["contact_id"]
    visits = [page_view(api.tenant_id, minute=100_000 + n, data={"seen": "x" * 900_000}) for n in range(20)]
    await shared_store.events.insert([replace(one, contact_id=contact_id) for one in visits])

    for _ in range(2):
        reply = await post(api, "/v1/batch/activity", {"contact_ids": [contact_id], "limit": 20}, "k-1")
        assert reply.status == 200
        assert len(reply.body["activity"][0]["events"]) == 20


async def test_identify_does_not_take_its_first_answer_for_a_repeat(api: ApiUser, shared_store: MongoStore) -> None:
    await build_core(shared_store).ingest([page_view(api.tenant_id, visitor(api.tenant_id, "phone"))])
    await api.create_contact("ada@example.com")
    body = {"anonymous_id": "phone", "traits": {"email": "ada@example.com"}}

    first = await post(api, "/v1/identify", body, "once")

    assert "Idempotency-Replayed" not in first.headers, "linking what was there has changed the contact's figures"
    assert (await post(api, "/v1/identify", body, "once")).body == first.body


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/contacts", {"email": "ada@example.com"}, 201),
        ("/v1/identify", {"traits": {"email": "known@example.com", "city": "Rome"}}, 200),
    ],
)
async def test_an_answer_is_kept_with_the_change_and_not_after_it(
    api: ApiUser, monkeypatch: pytest.MonkeyPatch, path: str, body: Any, status: int
) -> None:
    await api.create_contact("known@example.com")

    async def comes_to_nothing(*_: Any) -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(RememberedAnswers, "settle", comes_to_nothing)
    cut_off = await post(api, path, body, "k")
    monkeypatch.undo()

    again = await post(api, path, body, "k")
    assert (cut_off.status, again.status, again.headers["Idempotency-Replayed"]) == (503, status, "true")
