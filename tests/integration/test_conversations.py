"""A contact's conversations and e-mail threads, from stored data."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.events import Source
from service.conversations.model import Direction, Thread
from service.mongo.conversation_documents import thread_of
from service.mongo.conversations import newest_rows, newest_threads
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.conversations import Sent, sent, store_conversations
from tests.support.events import MORNING
from tests.support.plans import examined, explain_find, stages_of

OUTBOUND = Direction.OUTBOUND


async def conversations(api: ApiUser, contact_id: str, **params: Any) -> list[dict[str, Any]]:
    reply = await api.get(f"/v1/contacts/{contact_id}/conversations", params=params)
    assert (reply.status, reply.body["status"]) == (200, "success"), reply
    found: list[dict[str, Any]] = reply.body["conversations"]
    return found


async def email_threads(api: ApiUser, contact_id: str, **params: Any) -> list[dict[str, Any]]:
    reply = await api.get(f"/v1/contacts/{contact_id}/email-threads", params=params)
    assert (reply.status, reply.body["status"]) == (200, "success"), reply
    found: list[dict[str, Any]] = reply.body["threads"]
    return found


async def messages_by_thread(api: ApiUser, contact_id: str, **params: Any) -> dict[str, list[str]]:
    threads = await conversations(api, contact_id, include_messages="true", **params)
    return {one["thread_id"]: [message["message_id"] for message in one["messages"]] for one in threads}


@pytest.fixture
async def ada(api: ApiUser) -> str:
    """A contact."""
    contact_id: str = (await api.create_contact())["contact_id"]
    return contact_id


async def test_a_thread_and_its_messages(api: ApiUser, ada: str, shared_store: MongoStore) -> None:
    tenant = api.tenant_id
    await store_conversations(shared_store, ada, [sent(tenant, "m1"), sent(tenant, "m2", minute=5, direction=OUTBOUND)])

    [thread] = await conversations(api, ada)
    assert thread.pop("conversation_id").startswith("cv_")
    people = [{"email": "ada@example.com", "name": "Ada"}, {"email": "rep@ours.example", "name": "Rep"}]
    assert thread == {
        "thread_id": "th_1",
        "source": "gmail",
        "subject": "Subject of th_1",
        "snippet": "Snippet of m2",
        "state": None,
        "participants": people,
        "message_count": 2,
        "first_message_at": "2026-11-23T08:00:00.000Z",
        "last_message_at": "2026-11-23T08:05:00.000Z",
        "last_message_direction": "outbound",
    }
    [with_messages] = await conversations(api, ada, include_messages="true")
    messages = with_messages.pop("messages")
    assert set(with_messages) == {*thread, "conversation_id"}
    assert [message["message_id"] for message in messages] == ["m1", "m2"]
    assert messages[0] == {
        "message_id": "m1",
        "direction": "inbound",
        "from": people[0],
        "to": [people[1]],
        "cc": [],
        "sent_at": "2026-11-23T08:00:00.000Z",
        "subject": "Subject of th_1",
        "text": "Text of m1",
        "html": None,
        "attachments": [],
    }
    assert await email_threads(api, ada) == [
        {
            "thread_id": "th_1",
            "last_message_id": "m2",
            "subject": "Subject of th_1",
            "last_message_at": "2026-11-23T08:05:00.000Z",
            "message_count": 2,
            "mailbox": "rep@ours.example",
        }
    ]


async def test_newest_threads_first_and_the_newest_messages_oldest_first(
    api: ApiUser, ada: str, shared_store: MongoStore
) -> None:
    messages = [sent(api.tenant_id, f"m{n}", minute=n, thread_id=f"th_{n % 3}") for n in range(30)]
    await store_conversations(shared_store, ada, messages)

    assert [one["thread_id"] for one in await conversations(api, ada)] == ["th_2", "th_1", "th_0"]
    assert [one["thread_id"] for one in await conversations(api, ada, limit=2)] == ["th_2", "th_1"]
    assert [one["thread_id"] for one in await email_threads(api, ada, limit=1)] == ["th_2"]
    assert (await messages_by_thread(api, ada))["th_0"] == ["m15", "m18", "m21", "m24", "m27"]
    assert (await messages_by_thread(api, ada, messages_per_thread=2))["th_1"] == ["m25", "m28"]
    assert len((await messages_by_thread(api, ada, messages_per_thread=100))["th_1"]) == 10


async def test_the_same_mail_in_two_mailboxes_is_shown_once(api: ApiUser, ada: str, shared_store: MongoStore) -> None:
    tenant, mail = api.tenant_id, "<1@example.com>"
    ann: dict[str, Any] = {"account": "ann@ours.example", "thread_id": "th_ann"}
    bob: dict[str, Any] = {"account": "bob@ours.example", "thread_id": "th_bob"}
    await store_conversations(
        shared_store,
        ada,
        [
            sent(tenant, "a1", copy=mail, **ann),
            sent(tenant, "b1", copy=mail, direction=OUTBOUND, **bob),
            sent(tenant, "b2", minute=1, copy="<2@example.com>", **bob),
            sent(tenant, "c1", copy=mail, account="cy@ours.example", thread_id="th_cy"),
        ],
    )

    assert await messages_by_thread(api, ada) == {"th_bob": ["b2"], "th_ann": ["a1"]}
    counts = {one["thread_id"]: one["message_count"] for one in await conversations(api, ada)}
    assert counts == {"th_bob": 1, "th_ann": 1}
    [_, first] = await conversations(api, ada, include_messages="true")
    assert (first["messages"][0]["direction"], first["last_message_direction"]) == ("outbound", "outbound")
    of_mailboxes = {(one["mailbox"], one["thread_id"], one["message_count"]) for one in await email_threads(api, ada)}
    assert of_mailboxes == {
        ("ann@ours.example", "th_ann", 1),
        ("bob@ours.example", "th_bob", 2),
        ("cy@ours.example", "th_cy", 1),
    }


async def test_hidden_messages_are_never_shown(api: ApiUser, ada: str, shared_store: MongoStore) -> None:
    tenant, mail = api.tenant_id, "<1@example.com>"
    await store_conversations(
        shared_store,
        ada,
        [
            sent(tenant, "trashed", copy=mail, visible=False, account="a@ours.example", thread_id="th_a"),
            sent(tenant, "kept", copy=mail, account="b@ours.example", thread_id="th_b"),
            sent(tenant, "spam", minute=9, visible=False, account="b@ours.example", thread_id="th_b"),
            sent(tenant, "part", source=Source.INTERCOM, account="app", thread_id="cv_7", state="closed"),
            sent(tenant, "note", minute=3, source=Source.INTERCOM, account="app", thread_id="cv_7", visible=False),
        ],
    )

    assert await messages_by_thread(api, ada) == {"th_b": ["kept"], "cv_7": ["part"]}
    threads = {one["thread_id"]: one for one in await conversations(api, ada)}
    assert threads["th_b"]["last_message_at"] == "2026-11-23T08:00:00.000Z"
    assert (threads["cv_7"]["source"], threads["cv_7"]["message_count"]) == ("intercom", 1)
    assert [one["thread_id"] for one in await email_threads(api, ada)] == ["th_b"]


async def test_each_contact_sees_the_messages_that_name_it(api: ApiUser, ada: str, shared_store: MongoStore) -> None:
    eve = (await api.create_contact())["contact_id"]
    both, for_ada = sent(api.tenant_id, "both"), sent(api.tenant_id, "ada", minute=1)
    await store_conversations(shared_store, ada, [both, for_ada])
    await store_conversations(shared_store, eve, [both])

    assert await messages_by_thread(api, ada) == {"th_1": ["both", "ada"]}
    assert await messages_by_thread(api, eve) == {"th_1": ["both"]}
    assert (await conversations(api, eve))[0]["snippet"] == "Snippet of both"


async def test_other_tenants_and_unknown_contacts(
    api: ApiUser, ada: str, new_user: Any, shared_store: MongoStore
) -> None:
    await store_conversations(shared_store, ada, [sent(api.tenant_id, "m1")])
    other = await new_user()
    deleted = (await api.create_contact())["contact_id"]
    await store_conversations(shared_store, deleted, [sent(api.tenant_id, "m1")])
    await api.request("DELETE", f"/v1/contacts/{deleted}")
    for user, contact_id in ((other, ada), *((api, one) for one in (deleted, "ct_no", "%00", "$where", "%ED%A0%80"))):
        for route in ("conversations", "conversations?include_messages=true", "email-threads"):
            reply = await user.get(f"/v1/contacts/{contact_id}/{route}")
            assert (reply.status, reply.code) == (404, "contact_not_found"), contact_id


async def test_a_contact_without_conversations(api: ApiUser, ada: str) -> None:
    assert await conversations(api, ada) == []
    assert await conversations(api, ada, include_messages="true") == []
    assert await email_threads(api, ada) == []


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=x", "messages_per_thread=0", "messages_per_thread=101"),
        *("include_messages=maybe", "page=1", "cursor=x"),
    ],
)
async def test_bad_parameters_are_named(api: ApiUser, ada: str, query: str) -> None:
    reply = await api.get(f"/v1/contacts/{ada}/conversations?{query}")
    assert reply.status == 400
    assert reply.body["details"][0]["field"] == query.partition("=")[0]


async def first_thread(store: MongoStore) -> dict[str, Any]:
    found = await store.database["conversation_threads"].find_one({"thread_id": "th_0"})
    assert found
    return found


@pytest.fixture
async def busy(store: MongoStore) -> str:
    """In a database of its own: a contact with 2,000 threads, one of them with 5,000 messages."""
    many: list[Sent] = [sent("t", f"t{n}", minute=n, thread_id=f"th_{n}") for n in range(100)]
    await store_conversations(store, "ct_busy", many)
    thread = await first_thread(store)
    row = await store.database["conversation_rows"].find_one({"conversation_id": thread["conversation_id"]})
    assert row
    await store.database["conversation_threads"].insert_many(
        [
            {
                **thread,
                "_id": {"contact_id": "ct_busy", "conversation_id": f"cv_{n}"},
                "conversation_id": f"cv_{n}",
                "shown": {**thread["shown"], "last_message_at": MORNING - timedelta(minutes=n)},
                "mailbox": {**thread["mailbox"], "last_message_at": MORNING - timedelta(minutes=n)},
            }
            for n in range(1_900)
        ]
    )
    await store.database["conversation_rows"].insert_many(
        [
            {**row, "_id": f"evt_{n}", "message_id": f"x{n:04}", "sent_at": MORNING + timedelta(seconds=n)}
            for n in range(1, 5_000)
        ]
    )
    return "ct_busy"


async def test_a_busy_contact_answers_from_an_index(store: MongoStore, busy: str) -> None:
    for figures in ("shown", "mailbox"):
        plan = await explain_find(store, "conversation_threads", *newest_threads("t", busy, figures), limit=20)
        assert stages_of(plan) == {"LIMIT", "FETCH", "IXSCAN"}
        assert examined(plan) == (20, 20)

    thread = thread_of(await first_thread(store))
    plan = await explain_find(store, "conversation_rows", *newest_rows(thread), limit=100)
    assert not stages_of(plan) & {"SORT", "COLLSCAN"}
    assert examined(plan) == (100, 100)


async def test_contents_are_read_a_few_at_a_time(store: MongoStore) -> None:
    """Mails may be megabytes: only a few are in memory at once, and 2,000 threads come in portions."""
    text = "x" * 1_000_000
    await store_conversations(store, "ct_1", [sent("t", f"m{n}", minute=n, text=text) for n in range(30)])
    [thread] = await store.conversations.threads("t", "ct_1", 20)
    portions = [len(portion) async for portion in store.conversations.messages(thread, 100)]
    assert (sum(portions), max(portions)) == (30, 5)


async def test_messages_that_are_gone_by_the_time_they_are_read_take_none_along(
    api: ApiUser, ada: str, shared_store: MongoStore
) -> None:
    """As when somebody is erased meanwhile: its mails are a few, those of others go on behind them."""
    many = [sent(api.tenant_id, f"m{n}", minute=n) for n in range(8)]
    await store_conversations(shared_store, ada, many)
    gone = {"tenant_id": api.tenant_id, "message_id": {"$in": [f"m{n}" for n in range(5)]}}
    await shared_store.database["messages"].delete_many(gone)

    assert await messages_by_thread(api, ada, messages_per_thread=100) == {"th_1": ["m5", "m6", "m7"]}


async def test_all_email_threads_come_in_portions(store: MongoStore, busy: str) -> None:
    portions: list[list[Thread]] = [portion async for portion in store.conversations.email_threads("t", busy, None)]
    threads = [thread for portion in portions for thread in portion]
    assert max(map(len, portions)) <= 500
    newest = [thread.mailbox.last_message_at for thread in threads if thread.mailbox]
    assert len(newest) == 2_000
    assert newest == sorted(newest, reverse=True)
