"""Erasing a person: nothing is left anywhere, nothing comes back, and what is others' stays theirs."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from consumers.erased_letters import ErasedLetters
from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.letters import Selection, open_letters
from consumers.runtime.outcomes import InvalidRecord, Record
from deploy.bootstrap import Core, build_core
from schemas.topics import dead_letters_of
from service.contacts.context import Caller
from service.feed.replay import FeedReplayer, ReplayRequest
from service.feed.verify import FeedVerifier
from service.kafka.replay import KafkaReplayPublisher
from service.mongo.store import MongoStore
from service.settings import ReplaySettings
from tests.support.api import ApiUser, serve
from tests.support.commands import pathbound
from tests.support.erasure import (
    EMAIL,
    EVE,
    EVES,
    MAIL_TEXTS,
    PHONE,
    SECRET,
    TRACES,
    VISITOR,
    Sources,
    guard,
    live,
    traces_in,
)
from tests.support.feed import Feed
from tests.support.gmail import text_part
from tests.support.relay import read_committed


@pytest.fixture
def core(store: MongoStore) -> Core:
    return build_core(store, guard=guard())


@pytest.fixture
async def user(core: Core) -> AsyncIterator[ApiUser]:
    async with serve(core) as url:
        user = await ApiUser.create(url, core)
        yield user
        await user.close()


@pytest.fixture
def sources(core: Core, user: ApiUser) -> Sources:
    return Sources(core, user.tenant_id)


async def erase(core: Core, user: ApiUser, contact_id: str) -> None:
    erasure = await core.begin_erasure.of_contact(Caller(user.tenant_id, "key", None), contact_id)
    await core.erase(user.tenant_id, erasure.erasure_id)


async def counted(core: Core, tenant_id: str) -> dict[str, int]:
    """What the ledger says of a tenant's records, of all sources."""
    rows = await core.store.ledger.rows(tenant_id)
    return {str(one): sum(row.counts[one] for row in rows) for one in rows[0].counts}


async def test_nothing_is_left_and_nothing_comes_back(
    core: Core, user: ApiUser, sources: Sources, store: MongoStore
) -> None:
    contact_id = await live(user, sources)
    places = {trace.partition(":")[0] for trace in await traces_in(store)}
    assert places >= {"contacts", "identities", "events", "messages", "conversation_rows", "conversation_threads"}
    assert places >= {"source_threads", "source_persons", "notes", "actions", "answers", "outbox", "profile_rows"}

    await erase(core, user, contact_id)

    assert await traces_in(store) == []
    before = await counted(core, user.tenant_id)
    sent = len(sources.sent)
    await sources.again()
    await sources.again(datetime.now(UTC) + timedelta(minutes=1))
    assert await traces_in(store) == []
    after = await counted(core, user.tenant_id)
    assert sum(after.values()) - sum(before.values()) == 2 * sent
    assert after["stored"] == before["stored"]
    # Of the mails in common two tell Eve's side of it, which is known.
    assert after["erased"] - before["erased"] == 2 * (sent - 3)
    assert (await user.get(f"/v1/contacts/{contact_id}")).code == "contact_not_found"
    history = (await user.get("/v1/events", params={"contact_id": contact_id})).body["events"]
    assert [event["event"] for event in history] == ["contact_erased"]


async def test_another_in_the_same_thread_keeps_its_own_story(
    core: Core, user: ApiUser, sources: Sources, store: MongoStore
) -> None:
    eve = (await user.create_contact(EVE))["contact_id"]
    contact_id = await live(user, sources)
    path, params = f"/v1/contacts/{eve}/conversations", {"include_messages": "true"}
    (before,) = (await user.get(path, params=params)).body["conversations"]

    await erase(core, user, contact_id)

    for _ in range(2):
        assert await traces_in(store) == []
        (thread,) = (await user.get(path, params=params)).body["conversations"]
        assert thread["message_count"] == before["message_count"] == 3
        assert thread["last_message_at"] == before["last_message_at"]
        first, answer, last = thread["messages"]
        assert [one["message_id"] for one in before["messages"]] == [one["message_id"] for one in thread["messages"]]
        assert (first["text"], first["from"]) == (None, {"email": None, "name": "(erased)"})
        assert first["cc"] == [{"email": EVE, "name": "Eve"}]
        assert answer["text"].startswith(f"{EVES} Ask (erased).")
        assert answer["from"] == {"email": EVE, "name": "Eve"}
        assert EVES in answer["html"]
        assert not any(one in answer["text"] + answer["html"] for one in MAIL_TEXTS)
        assert last["text"] == "And thank you."
        profile = (await user.get(f"/v1/contacts/{eve}")).body["unified_profile"]
        assert profile["conversations"] == {"gmail": 1}
        await sources.again()


async def test_somebody_new_with_the_address_is_not_the_one_who_was_erased(
    core: Core, user: ApiUser, sources: Sources, store: MongoStore
) -> None:
    await erase(core, user, await live(user, sources))

    body = {"email": EMAIL, "visitor_id": VISITOR}
    new = (await user.post("/v1/contacts", body)).body["contact"]["contact_id"]
    await sources.again(datetime.now(UTC) + timedelta(minutes=5))
    events = await user.events(new)
    assert [event["event"] for event in events] == ["contact_created"]
    later = datetime.now(UTC) + timedelta(minutes=5)
    await sources.visit(at=later)
    when = str(int(later.timestamp() * 1000))
    await sources.mail("g9", at=later, sender=EMAIL, internal_date=when, payload=text_part("Good morning."))

    assert {event["event"] for event in await user.events(new)} == {"contact_created", "page_view", "email_received"}
    detail: dict[str, Any] = (await user.get(f"/v1/contacts/{new}")).body
    assert detail["unified_profile"]["page_views"] == 1
    assert detail["unified_profile"]["conversations"] == {"gmail": 1}


async def test_what_is_published_and_replayed_keeps_its_place_and_nothing_else(
    core: Core, user: ApiUser, sources: Sources, feed: Feed
) -> None:
    contact_id = await live(user, sources)
    await feed.relay()
    assert (await user.request("PUT", f"/v1/contacts/{contact_id}", json={"properties": {"city": EMAIL}})).status == 200
    first = of(contact_id, await read_committed(feed.bootstrap, feed.name))

    await erase(core, user, contact_id)
    await feed.relay()

    every = of(contact_id, await read_committed(feed.bootstrap, feed.name))
    assert [event["sequence"] for event in every] == list(range(1, len(every) + 1))
    since = every[len(first) :]
    assert [event["type"] for event in since] == ["contact.erased", "contact.erased"]
    assert all(event["data"] == {"contact_id": contact_id} for event in since)
    snapshots = await read_committed(feed.bootstrap, f"{feed.prefix}contacts.snapshot")
    assert [one.value for one in snapshots if one.key == contact_id.encode()][-1] is None
    verifier = FeedVerifier(feed.topic, feed.store.feed_history)
    verdicts = [verdict async for verdict in verifier.judge(*await verifier.read(None))]
    assert [one.complete for one in verdicts] == [True]

    settings = ReplaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=feed.prefix)
    replay = FeedReplayer(feed.store.feed_history, KafkaReplayPublisher(settings, user.tenant_id), feed.name)
    now = await feed.store.feed_history.now()
    wanted = ReplayRequest(user.tenant_id, now - timedelta(minutes=30), now + timedelta(minutes=1), feed.name)
    assert await replay(wanted) == len(every)
    replayed = [one for one in await read_committed(feed.bootstrap, feed.name) if "replay" in dict(one.headers)]
    assert [event["id"] for event in of(contact_id, replayed)] == [event["id"] for event in every]
    assert not [trace for one in replayed for trace in TRACES if trace.lower().encode() in one.value.lower()]


def of(contact_id: str, records: list[Any]) -> list[dict[str, Any]]:
    """A contact's events."""
    return [orjson.loads(one.value) for one in records if one.key == contact_id.encode()]


async def test_a_dead_letter_of_an_erased_person_is_neither_shown_nor_sent(
    core: Core, user: ApiUser, sources: Sources, feed: Feed, env: dict[str, str]
) -> None:
    topic = f"{feed.prefix}tracker.events"
    values = [
        f'{{"tenant_id": "{user.tenant_id}", "event": 5, "visitorId": "{VISITOR}"}}',
        f'{{"tenant_id": "{user.tenant_id}", "event": "form", "data": {{"mail": "{EMAIL.upper()}"}}',
        f'{{"tenant_id": "{user.tenant_id}", "event": 5, "visitorId": "somebody-else"}}',
    ]
    letters = [
        InvalidRecord(Record(topic, 0, n, None, value.encode(), datetime.now(UTC)), "event: string_type", "Invalid")
        for n, value in enumerate(values)
    ]
    dead_letters = DeadLetters(feed.bootstrap, "pathbound.tracker", lambda: datetime.now(UTC))
    await dead_letters.publish(letters)
    await dead_letters.close()
    await erase(core, user, await live(user, sources))

    async def dlq(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return await asyncio.to_thread(lambda: pathbound("dlq", *arguments, **env, PATHBOUND_ERASURE_SECRET=SECRET))

    async with open_letters(feed.bootstrap) as reader:
        asked = Selection((dead_letters_of(topic),))
        put = [letter async for letter in reader.select(asked, lambda _seen, _total: None)]
    position = {int(str(letter.original).rpartition(":")[2]): letter.position for letter in put}
    assert await ErasedLetters(core.store, core.guard).among(put) == {position[0], position[1]}
    hidden = await dlq("show", str(position[0]))
    assert hidden.returncode == 1
    assert "erased" in hidden.stderr
    assert VISITOR not in hidden.stdout + hidden.stderr
    sent = await dlq("redrive", "--json")
    assert {name: count for name, count in json.loads(sent.stdout).items() if count} == {"sent": 1, "erased": 2}
    (only,) = await read_committed(feed.bootstrap, topic)
    assert only.value == values[2].encode()


async def test_by_the_api_it_is_gone_at_once_and_lists_show_nothing_meanwhile(
    core: Core, user: ApiUser, sources: Sources, store: MongoStore
) -> None:
    contact_id = await live(user, sources)
    action = (await user.get("/v1/actions")).body["actions"][0]["action_id"]

    assert (await user.request("DELETE", f"/v1/contacts/{contact_id}", params={"erase": "true"})).body == {
        "status": "success"
    }

    # Nobody has worked on it yet: all of it is still stored.
    assert "events" in {trace.partition(":")[0] for trace in await traces_in(store)}
    shown = []
    for path in ("/v1/events", "/v1/actions", "/v1/contacts", f"/v1/events?contact_id={contact_id}"):
        reply = await user.get(path)
        assert reply.status == 200
        shown.append(json.dumps(reply.body).lower())
    assert not [trace for trace in TRACES if any(trace.lower() in one for one in shown)]
    assert (await user.get(f"/v1/actions/{action}")).code == "action_not_found"
    # What is left of the person must not become somebody else's.
    assert (await user.post("/v1/contacts", {"email": EMAIL})).code == "too_busy"

    assert await core.erase.sweep() == 1
    assert await traces_in(store) == []
    assert await core.erase.sweep() == 0
    again = {"Idempotency-Key": "note-1"}
    note = {"content": f"Adalind prefers zeppelins, call {PHONE}"}
    replayed = await user.post(f"/v1/contacts/{contact_id}/notes", note, headers=again)
    assert (replayed.status, replayed.body) == (201, {"status": "success"})
    assert (await user.post("/v1/contacts", {"email": EMAIL})).status == 201


async def test_a_contact_deleted_before_is_erased_with_the_person(
    core: Core, user: ApiUser, sources: Sources, store: MongoStore
) -> None:
    first = await live(user, sources)
    assert (await user.request("DELETE", f"/v1/contacts/{first}")).status == 200
    second = (await user.create_contact(EMAIL, visitor_id=VISITOR))["contact_id"]
    await sources.visit()
    browser = (await user.create_contact("bob@others.example"))["contact_id"]
    assert (await user.post("/v1/identify", {"external_id": "bob-1", "traits": {"email": "bob@others.example"}})).status
    await sources.visit(external_contact_id="bob-1", data={"title": "Bob's"}, sessionId=None)

    await erase(core, user, second)

    assert await traces_in(store) == []
    (visit,) = [event for event in await user.events(browser) if event["event"] == "page_view"]
    assert (visit["data"], visit["visitor_id"]) == ({"title": "Bob's"}, None)
    for contact_id in (first, second):
        reply = await user.get("/v1/events", params={"contact_id": contact_id})
        assert {event["event"] for event in reply.body["events"]} <= {"contact_erased"}
