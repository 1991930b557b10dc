"""A mailbox and an Intercom workspace through real processes: what a client reads of a contact's story, to the letter.

The same story comes to three tenants, whose contact is created before all of it, amid it, and after it; all three must
read the same. Then all of it is delivered once more, and nothing changes.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.ledger.model import Outcome
from tests.support.api import ApiUser
from tests.support.gmail import Resource, gmail_message, gmail_value, html_part, multipart, text_part
from tests.support.intercom import ADMIN, CLOSED, Chat, Step, envelope, key_of
from tests.support.running_system import System, running_system
from tests.support.service_processes import HOST

Record = tuple[str, bytes, bytes]
"""Source, key, value."""

BEGAN = 1_700_000_000  # 2023-11-14T22:13:20Z
REP, BOSS = "rep@ours.example", "boss@ours.example"
ADA = "ada@example.com"


def mail(message_id: str, minute: int, **fields: Any) -> Resource:
    """A mail from Ada at that minute, in the thread t1 of the mailbox unless told otherwise."""
    moment = {"internal_date": str((BEGAN + 60 * minute) * 1000), "date": f"Tue, 14 Nov 2023 22:{13 + minute}:20 +0000"}
    return gmail_message(message_id, **{"mail_id": f"<{minute}@example.com>", **moment, **fields})


def gmail(tenant: str, resource: Resource, mailbox: str = REP, kind: str = "message") -> Record:
    return "gmail", mailbox.encode(), gmail_value(resource, kind=kind, mailbox=mailbox, tenant_id=tenant)


def intercom(tenant: str, payload: dict[str, Any]) -> Record:
    return "intercom", key_of(payload), envelope(payload, tenant)


def chat(tenant: str) -> list[Record]:
    """A lead, who tells the address only later; it takes a note, an assignment with words, a redaction, and the end."""
    unknown, known = Chat(email=None, name=None, began=BEGAN + 600), Chat(began=BEGAN + 600)
    secret = Step(8001, "conversation.user.replied", "comment", BEGAN + 660, "<p>My password is 1234.</p>")
    assigned = Step(8003, "conversation.admin.assigned", "assignment", BEGAN + 780, "<p>Let me see.</p>", ADMIN)
    closed = Step(8005, "conversation.admin.closed", "close", BEGAN + 900, "<p>It was <b>late</b>.</p>", ADMIN, CLOSED)
    told = [
        unknown.created(),
        unknown.told(secret),
        known.contact_created(BEGAN + 700),
        known.admin_noted(8002, BEGAN + 720),
        known.told(assigned),
        known.admin_assigned(8004, BEGAN + 840),
        known.part_redacted(secret, BEGAN + 850),
        known.told(closed),
    ]
    return [intercom(tenant, each) for each in told]


def mailbox(tenant: str) -> list[Record]:
    """Two threads and a copy; one mail goes to the trash and comes back, one stays there, one is deleted for good."""
    first = {"subject": "Order 17", "cc": f"Boss <{BOSS}>"}
    answer = multipart("alternative", text_part("On its way.\r\n"), html_part("<p>On its way.</p><script>x()</script>"))
    reply = {"subject": "Re: Order 17", "sender": f"Rep <{REP}>", "to": f"Ada <{ADA}>", "labels": ["SENT"]}
    return [
        gmail(tenant, mail("g1", 0, **first)),
        gmail(tenant, mail("b1", 0, thread_id="bt1", **first), BOSS),
        gmail(tenant, mail("g2", 1, mail_id="<1@ours.example>", payload=answer, **reply)),
        gmail(tenant, mail("g3", 2, subject="Re: Order 17", payload=text_part("Thank you!"))),
        gmail(tenant, mail("g4", 3, thread_id="t4", subject="Never mind")),
        gmail(tenant, {"id": "g3", "labelIds": ["TRASH"], "historyId": "101"}, kind="labels"),
        gmail(tenant, mail("g5", 4, thread_id="t5", subject="Trash", labels=["TRASH"])),
        gmail(tenant, {"id": "g4", "threadId": "t4"}, kind="deleted"),
        gmail(tenant, {"id": "g3", "labelIds": ["INBOX"], "historyId": "102"}, kind="labels"),
    ]


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    async with running_system(mongo_url, kafka_bootstrap, sources=("gmail", "intercom")) as system:
        yield system


@pytest.fixture
async def users(system: System) -> AsyncIterator[list[ApiUser]]:
    """Of three tenants."""
    made = [await ApiUser.create(f"http://{HOST}:{system.api.port}", system.core) for _ in range(3)]
    yield made
    for user in made:
        await user.close()


async def deliver(system: System, records: list[Record]) -> None:
    for source in ("gmail", "intercom"):
        await system.produce(source, [(key, value) for of, key, value in records if of == source])
    for source in ("gmail", "intercom"):
        await system.all_consumed(source=source)


async def change(user: ApiUser, contact_id: str) -> None:
    """What we do ourselves beside it."""
    changed = await user.request("PUT", f"/v1/contacts/{contact_id}", json={"properties": {"lifecyclestage": "lead"}})
    assert changed.status == 200
    assert (await user.post(f"/v1/contacts/{contact_id}/notes", {"content": "called"})).status == 201


async def read(user: ApiUser, contact_id: str) -> dict[str, Any]:
    """All that a client can read of it; our own ids of conversations go by the source's."""
    path = f"/v1/contacts/{contact_id}"
    query = {"include_messages": "true", "messages_per_thread": "10"}
    conversations = (await user.get(f"{path}/conversations", params=query)).body["conversations"]
    known = {one["conversation_id"]: one.pop("conversation_id") and one["thread_id"] for one in conversations}
    events = await user.events(contact_id, sort_dir="asc")
    assert len({one["event_id"] for one in events}) == len(events)
    assert all(one["contact_id"] == contact_id for one in events)
    for one in events:
        if one["source"] != "crm":
            assert known[one["data"].pop("conversation_id")] == one["data"]["thread_id"]
    return {
        "conversations": conversations,
        "threads": (await user.get(f"{path}/email-threads")).body["threads"],
        "ours": sorted(one["event"] for one in events if one["source"] == "crm"),
        "events": [
            (one["event"], one["source"], one["timestamp"], one["data"]) for one in events if one["source"] != "crm"
        ],
        "order": [one["timestamp"] for one in events],
        "profile": (await user.get(path)).body["unified_profile"],
    }


# --- what must be read ---------------------------------------------------------------------------------------------


def at(seconds: int) -> str:
    return f"2023-11-14T22:{13 + (20 + seconds) // 60:02}:{(20 + seconds) % 60:02}.000Z"


ADA_TOLD = {"email": ADA, "name": "Ada Lovelace"}
ADA_CALLED = {"email": ADA, "name": "Ada"}
REP_TOLD, BOSS_TOLD = {"email": REP, "name": "Rep"}, {"email": BOSS, "name": "Boss"}
GRACE = {"email": "grace@ours.example", "name": "Grace Hopper"}


def message(message_id: str, seconds: int, sender: dict[str, str], text: str, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "message_id": message_id,
        "direction": "inbound" if sender == ADA_TOLD else "outbound",
        "from": sender,
        "to": [],
        "cc": [],
        "sent_at": at(seconds),
        "subject": None,
        "text": text,
        "html": None,
        "attachments": [],
    }
    return told | more


def conversation(thread_id: str, source: str, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    first, last = messages[0], messages[-1]
    told = {
        "thread_id": thread_id,
        "source": source,
        "subject": last["subject"],
        "snippet": "Hello there",
        "state": None,
        "message_count": len(messages),
        "first_message_at": first["sent_at"],
        "last_message_at": last["sent_at"],
        "last_message_direction": last["direction"],
        "messages": messages,
    }
    return told | more


INTERCOM = [
    message("7001", 600, ADA_TOLD, "Where is my order?", html="<p>Where is my order?</p>"),
    message("8001", 660, ADA_TOLD, "This message was deleted", html="<p><i>This message was deleted</i></p>"),
    message("8003", 780, GRACE, "Let me see.", html="<p>Let me see.</p>"),
    message("8005", 900, GRACE, "It was late.", html="<p>It was <b>late</b>.</p>"),
]
TO_ADA, TO_REP, RE = [ADA_CALLED], [REP_TOLD], "Re: Order 17"
REPS = [
    message("g2", 60, REP_TOLD, "On its way.", to=TO_ADA, subject=RE, html="<p>On its way.</p>"),
    message("g3", 120, ADA_TOLD, "Thank you!", to=TO_REP, subject=RE),
]
BOSSES = [message("b1", 0, ADA_TOLD, "Hello there", to=TO_REP, cc=[BOSS_TOLD], subject="Order 17")]
CONVERSATIONS = [
    conversation("9001", "intercom", INTERCOM, participants=[ADA_TOLD, GRACE], state="closed", snippet="It was late."),
    conversation("t1", "gmail", REPS, participants=[REP_TOLD, ADA_CALLED]),
    conversation("bt1", "gmail", BOSSES, participants=[ADA_TOLD, REP_TOLD, BOSS_TOLD]),
]
THREADS = [
    {
        "thread_id": "t1",
        "last_message_id": "g3",
        "subject": RE,
        "last_message_at": at(120),
        "message_count": 3,
        "mailbox": REP,
    },
    {
        "thread_id": "bt1",
        "last_message_id": "b1",
        "subject": "Order 17",
        "last_message_at": at(0),
        "message_count": 1,
        "mailbox": BOSS,
    },
]
EVENTS = [
    (
        event,
        source,
        one["sent_at"],
        {
            "thread_id": thread_id,
            "message_id": one["message_id"],
            "account": account,
            "direction": one["direction"],
            "subject": one["subject"],
        },
    )
    for event, source, account, thread_id, one in [
        ("email_received", "gmail", BOSS, "bt1", BOSSES[0]),
        ("email_sent", "gmail", REP, "t1", REPS[0]),
        ("email_received", "gmail", REP, "t1", REPS[1]),
        *(("conversation_message", "intercom", "9001", "9001", each) for each in INTERCOM),
    ]
]
PROFILE = {
    "email": ADA,
    "lifecycle_stage": "lead",
    "sources": ["gmail", "intercom"],
    "first_seen_at": at(0),
    "last_seen_at": at(900),
    "sessions": 0,
    "page_views": 0,
    "device_count": 0,
    "devices": [],
    "conversations": {"gmail": 2, "intercom": 1},
    "last_message": {"at": at(900), "direction": "outbound", "source": "intercom"},
}


def check(story: dict[str, Any]) -> None:
    assert story["conversations"] == CONVERSATIONS
    assert story["threads"] == THREADS
    assert story["events"] == EVENTS
    assert {name: value for name, value in story["profile"].items() if value is not None} == PROFILE
    assert story["ours"] == ["contact_created", "contact_updated", "lifecycle_stage_changed", "note_created"]
    assert story["order"] == sorted(story["order"])


async def test_a_story_reads_the_same_whenever_the_contact_is_created(system: System, users: list[ApiUser]) -> None:
    before, amid, after = users
    told = [(mailbox(user.tenant_id), chat(user.tenant_id)) for user in users]
    contacts = {before: await before.create_contact(ADA)}
    await deliver(system, [record for mails, chats in told for record in (*mails[:4], *chats[:4])])
    contacts[amid] = await amid.create_contact(ADA)
    await deliver(system, [record for mails, chats in told for record in (*mails[4:], *chats[4:])])
    contacts[after] = await after.create_contact(ADA)

    stories = {}
    for user in users:
        await change(user, contacts[user]["contact_id"])
        stories[user] = await read(user, contacts[user]["contact_id"])
        check(stories[user])

    every = [record for mails, chats in told for record in (*mails, *chats)]
    await deliver(system, every)
    for user in users:
        assert await read(user, contacts[user]["contact_id"]) == stories[user]
    for source in ("gmail", "intercom"):
        assert not await system.dead_letters(source)
    for user in users:
        rows = await system.core.store.ledger.rows(user.tenant_id)
        assert sum(row.received for row in rows) == 2 * len(every) / len(users)
        assert sum(row.counts.get(Outcome.DUPLICATE, 0) for row in rows) >= len(every) / len(users)
