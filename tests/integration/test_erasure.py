"""Erasing a person: nothing is left anywhere, nothing comes back, and what is others' stays theirs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.bootstrap import Core, build_core
from service.contacts.context import Caller
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, serve
from tests.support.erasure import EMAIL, EVE, EVES, MAIL_TEXTS, VISITOR, Sources, guard, live, traces_in
from tests.support.gmail import text_part


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
