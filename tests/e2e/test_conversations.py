"""A mailbox and an Intercom workspace through the real processes: each contact's story reads right, once, in order,
whatever is redelivered and whoever is killed."""

import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from consumers.runtime.outcomes import Record
from tests.support.gmail import gmail_message, gmail_record
from tests.support.intercom import Chat, intercom_record
from tests.support.running_system import System, running_system
from tests.support.service_processes import print_seed
from tests.support.waiting import eventually

COLLECTIONS = ("messages", "conversation_rows", "conversation_threads", "source_threads", "events")
PEOPLE = 12


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    async with running_system(mongo_url, kafka_bootstrap, sources=("gmail", "intercom")) as system:
        yield system


def mails(tenant_id: str) -> list[Record]:
    """Mail of some people with two mailboxes: in and out, a copy in the other one, labels that change, deletions."""
    told: list[Record] = []

    def tell(message: dict[str, Any], mailbox: str = "rep@ours.example", kind: str = "message") -> None:
        told.append(gmail_record(message, tenant_id=tenant_id, mailbox=mailbox, kind=kind))

    for n in range(PEOPLE):
        person, thread = f"Person {n} <p{n}@example.com>", f"t{n}"
        first: dict[str, Any] = {
            "mail_id": f"<in{n}@example.com>",
            "sender": person,
            "thread_id": thread,
            "subject": f"Question {n}",
        }
        both = {**first, "to": "rep@ours.example, sales@ours.example"}
        tell(gmail_message(f"in{n}", history_id="10", **both))
        tell(gmail_message(f"copy{n}", history_id="10", **both), mailbox="sales@ours.example")
        reply: dict[str, Any] = {"mail_id": f"<out{n}@ours.example>", "sender": "rep@ours.example", "to": person}
        tell(gmail_message(f"out{n}", labels=["SENT"], internal_date="1795424460000", thread_id=thread, **reply))
        if n % 3 == 0:
            tell({"id": f"out{n}", "labelIds": ["SENT", "TRASH"], "historyId": "200"}, kind="labels")
        if n % 3 == 1:
            tell({"id": f"in{n}", "threadId": thread}, kind="deleted")
    return told


def chats(tenant_id: str) -> list[Record]:
    """Conversations whose people's addresses become known late; notes, a redaction, and one deleted."""
    told: list[Record] = []
    for n in range(PEOPLE):
        chat = Chat(
            conversation_id=f"9{n:03}",
            contact_id=f"665f1c0ffee0000000000{n:03}",
            email=None,
            first_id=f"7{n:03}",
            api=1 + n % 2,
        )
        began = chat.began
        steps = [chat.created(), chat.admin_replied(100 * n + 1, began + 60), chat.admin_noted(100 * n + 2, began + 70)]
        steps.append(chat.admin_closed(100 * n + 3, began + 80, "<p>All well.</p>"))
        known = Chat(chat.conversation_id, chat.contact_id, email=f"p{n}@example.com", first_id=chat.first_id)
        steps.append(known.contact_created(began + 90))
        if n % 4 == 3:
            steps.append(chat.deleted(began + 100))
        told += [intercom_record(step, tenant_id) for step in steps]
    return told


async def state(system: System) -> dict[str, list[Any]]:
    """All that is stored of conversations, without what tells when and how often it was written."""
    found: dict[str, list[Any]] = {}
    for name in COLLECTIONS:
        documents = [one async for one in system.core.store.database[name].find({"source": {"$ne": "crm"}})]
        unsaid = {"touched", "received_at", "feed_shard", "feed_at", "feed_linked"}
        kept = [{key: one[key] for key in sorted(one.keys() - unsaid)} for one in documents]
        found[name] = sorted(kept, key=lambda one: str(one["_id"]))
    return found


def pairs(records: list[Record]) -> list[tuple[bytes | None, bytes | None]]:
    """Keys and values."""
    return [(record.key, record.value) for record in records]


async def all_read(system: System) -> None:
    for source in ("gmail", "intercom"):
        await system.all_consumed(source=source)


async def test_the_story_of_a_contact_whose_mail_and_chat_came_first(system: System) -> None:
    await system.produce("gmail", pairs(mails(system.tenant_id)))
    await system.produce("intercom", pairs(chats(system.tenant_id)))
    await all_read(system)

    contact_id = (await system.user.create_contact("p2@example.com"))["contact_id"]
    await eventually(lambda: has_events(system, contact_id, 5), 30, "mail and chat are in the timeline")
    events = await system.user.events(contact_id, sort_dir="asc")
    told = [(event["event"], event["source"], event["data"].get("direction")) for event in events]
    assert told == [
        ("conversation_message", "intercom", "inbound"),
        ("conversation_message", "intercom", "outbound"),
        ("conversation_message", "intercom", "outbound"),
        ("email_received", "gmail", "inbound"),
        ("email_sent", "gmail", "outbound"),
        ("contact_created", "crm", None),
    ]

    answer = await system.user.get(f"/v1/contacts/{contact_id}/conversations?include_messages=true")
    threads = {thread["source"]: thread for thread in answer.body["conversations"]}
    mail = [(one["direction"], one["subject"]) for one in threads["gmail"]["messages"]]
    assert mail == [("inbound", "Question 2"), ("outbound", "Hello")]
    assert threads["intercom"]["state"] == "closed"
    chat = [(one["direction"], one["text"]) for one in threads["intercom"]["messages"]]
    assert chat == [
        ("inbound", "Where is my order?"),
        ("outbound", "On its way."),
        ("outbound", "All well."),
    ]
    listed = (await system.user.get(f"/v1/contacts/{contact_id}/email-threads")).body["threads"]
    # Each mailbox has its own thread, of the same mail.
    counts = {thread["mailbox"]: thread["message_count"] for thread in listed}
    assert counts == {"rep@ours.example": 2, "sales@ours.example": 1}
    profile = (await system.user.get(f"/v1/contacts/{contact_id}")).body["unified_profile"]
    assert profile["conversations"] == {"gmail": 1, "intercom": 1}
    assert profile["sources"] == ["gmail", "intercom"]
    assert profile["last_message"]["source"] == "gmail"


async def has_events(system: System, contact_id: str, at_least: int) -> bool:
    events = await system.user.events(contact_id)
    return len([event for event in events if event["source"] != "crm"]) >= at_least


async def test_redelivery_in_any_order_and_kills_change_nothing(system: System) -> None:
    dice = print_seed("test_redelivery_in_any_order_and_kills_change_nothing")
    for n in range(0, PEOPLE, 2):
        await system.user.create_contact(f"p{n}@example.com")
    told = {"gmail": mails(system.tenant_id), "intercom": chats(system.tenant_id)}
    for source, records in told.items():
        await system.produce(source, pairs(records))
    await all_read(system)
    for n in range(1, PEOPLE, 2):
        await system.user.create_contact(f"p{n}@example.com")
    expected = await state(system)
    sent = {source: len(records) for source, records in told.items()}

    consumers = {"gmail": system.consumers[0], "intercom": system.consumers[1]}
    for _ in range(2):
        for source, records in told.items():
            again = shuffled(records, dice)
            sent[source] += len(again)
            await system.produce(source, pairs(again))
            await consumers[source].restart()
    await all_read(system)

    assert await state(system) == expected
    for source, count in sent.items():
        rows = await system.core.store.ledger.rows(system.tenant_id, system.topic(f"{source}.{TOPIC_ENDS[source]}"))
        assert sum(sum(row.counts.values()) for row in rows) == count
        assert not await system.dead_letters(source)


TOPIC_ENDS = {"gmail": "messages", "intercom": "events"}


def shuffled(records: list[Record], dice: random.Random) -> list[Record]:
    """Every record, some twice, in any order."""
    return dice.sample([*records, *records[::3]], len(records) + len(records[::3]))
