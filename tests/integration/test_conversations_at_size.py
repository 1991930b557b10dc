"""A thread of 5,000 mails and a contact of 2,000 threads, as they come in from Gmail: read from an index, in bounded
memory, and a mail more reads a part of the thread only."""

import tracemalloc
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from deploy.bootstrap import build_core
from schemas.events import Source
from service.conversations.incoming import Content, Delivery, MessageFact, MessageKey, MessageState, thread_key
from service.conversations.model import Direction, Message, Participant
from service.conversations.parts import PARTS
from service.ledger.model import Receipt
from service.mongo.conversation_rows import rows_of_parts
from service.mongo.conversations import newest_rows, newest_threads
from service.mongo.profiles import conversed_of
from service.mongo.store import MongoStore
from service.profile.remake import ContactRemaker, Remade
from tests.support.api import ApiUser
from tests.support.events import MORNING
from tests.support.plans import examined, explain_aggregate, explain_find, stages_of

MAILBOX = "rep@ours.example"
BATCH = 250
TEXT = "All work and no play makes a long mail. " * 50


@dataclass(frozen=True)
class Correspondent:
    """A contact, whose threads `t0` and above have one mail each, and `big` has many."""

    user: ApiUser
    contact_id: str
    email: str

    def mail(self, thread: str, number: int) -> Delivery:
        """From the contact to us."""
        key = MessageKey(self.user.tenant_id, Source.GMAIL, MAILBOX, f"{thread}-{number:04}")
        message = Message(
            *key,
            MORNING + timedelta(minutes=number),
            sender=Participant(self.email),
            to=(Participant(MAILBOX),),
            subject=f"Subject of {thread}",
            snippet=f"Snippet {number}",
            text=TEXT,
        )
        content = Content(message, (2, 0), Direction.INBOUND, (self.email,), copy=f"{self.email}-{key.message_id}")
        fact = MessageFact(key, thread_key(*key[:3], thread), content, MessageState((1, 0)))
        return Delivery(Receipt("gmail.messages", 0, 0, key.tenant_id), MORNING, messages=(fact,))

    async def stream(self, path: str) -> tuple[int, int]:
        """(bytes of the answer, peak memory while it came); server and client share this process."""
        headers = {"Authorization": f"Bearer {self.user.api_key}"}
        size = 0
        tracemalloc.start()
        try:
            async with self.user.http.get(f"/v1/contacts/{self.contact_id}/{path}", headers=headers) as response:
                assert response.status == 200
                async for chunk in response.content.iter_any():
                    size += len(chunk)
            return size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


async def correspond(user: ApiUser, store: MongoStore, threads: int, in_big: int) -> Correspondent:
    """A contact that wrote to us so much."""
    email = f"c{threads}@example.com"
    who = Correspondent(user, (await user.create_contact(email))["contact_id"], email)
    mails = [who.mail(f"t{n}", 0) for n in range(threads)] + [who.mail("big", n) for n in range(in_big)]
    core = build_core(store)
    for start in range(0, len(mails), BATCH):
        await core.ingest_conversations(mails[start : start + BATCH], [])
    return who


@pytest.fixture
async def busy(api: ApiUser, shared_store: MongoStore) -> Correspondent:
    return await correspond(api, shared_store, 2_000, 5_000)


async def test_a_busy_contact_is_read_from_an_index_in_bounded_memory(
    busy: Correspondent, new_user: Any, shared_store: MongoStore
) -> None:
    tenant_id = busy.user.tenant_id
    path = f"/v1/contacts/{busy.contact_id}/conversations"
    asked = {"include_messages": "true", "messages_per_thread": 100, "limit": 100}
    threads = (await busy.user.get(path, params=asked)).body["conversations"]
    assert [one["thread_id"] for one in threads].count("big") == 1
    assert (threads[0]["thread_id"], threads[0]["message_count"], len(threads)) == ("big", 5_000, 100)
    assert [one["message_id"] for one in threads[0]["messages"]] == [f"big-{n:04}" for n in range(4_900, 5_000)]
    profile = (await busy.user.get(f"/v1/contacts/{busy.contact_id}")).body["unified_profile"]
    assert profile["conversations"] == {"gmail": 2_001}

    for figures in ("shown", "mailbox"):
        criteria, sort = newest_threads(tenant_id, busy.contact_id, figures)
        plan = await explain_find(shared_store, "conversation_threads", criteria, sort, limit=100)
        assert stages_of(plan) == {"LIMIT", "FETCH", "IXSCAN"}
        assert examined(plan) == (100, 100)
    [big] = await shared_store.conversations.threads(tenant_id, busy.contact_id, 1)
    plan = await explain_find(shared_store, "conversation_rows", *newest_rows(big), limit=100)
    assert not stages_of(plan) & {"SORT", "COLLSCAN"}
    assert examined(plan) == (100, 100)

    # The same answer from a contact with far less behind it; and three times as many threads from one with more.
    less = await correspond(await new_user(), shared_store, 600, 150)
    query = "conversations?include_messages=true&messages_per_thread=100&limit=100"
    for route, times in ((query, 1), ("email-threads", 3)):
        size_of_less, peak_of_less = await less.stream(route)
        size, peak = await busy.stream(route)
        assert size > 0.95 * times * size_of_less
        assert peak < 1.5 * peak_of_less


async def test_one_mail_more_reads_a_part_of_a_large_thread(busy: Correspondent, shared_store: MongoStore) -> None:
    tenant_id = busy.user.tenant_id
    [big] = await shared_store.conversations.threads(tenant_id, busy.contact_id, 1)
    pair = (busy.contact_id, big.key.conversation_id)

    parts = await shared_store.thread_parts.get(tenant_id, {pair})
    assert parts[pair].size == 5_000
    plan = await explain_find(shared_store, "conversation_rows", rows_of_parts(tenant_id, {(*pair, 7)}), [])
    assert stages_of(plan) & {"IXSCAN", "COLLSCAN"} == {"IXSCAN"}
    assert max(examined(plan)) < 2 * 5_000 / PARTS
    plan = await explain_aggregate(shared_store, "conversation_threads", conversed_of(tenant_id, [busy.contact_id]))
    assert "COLLSCAN" not in stages_of(plan)
    assert max(examined(plan)) <= 2_001

    await build_core(shared_store).ingest_conversations([busy.mail("big", 5_000)], [])
    [big] = await shared_store.conversations.threads(tenant_id, busy.contact_id, 1)
    assert big.shown is not None
    assert (big.shown.message_count, big.shown.last_message_id) == (5_001, "big-5000")
    assert await ContactRemaker(shared_store, dry_run=True)(tenant_id, busy.contact_id) == Remade()
