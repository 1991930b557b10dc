"""Store conversations as whoever ingests them does: contents once, a row for each contact, figures over the rows."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.events import Source
from service.conversations.figures import figures_of, settle
from service.conversations.model import (
    ConversationRow,
    Direction,
    Message,
    Participant,
    Thread,
    ThreadKey,
)
from service.mongo.conversation_documents import message_document, row_document, thread_document
from service.mongo.store import MongoStore
from tests.support.events import MORNING

REP = Participant("rep@ours.example", "Rep")
ADA = Participant("ada@example.com", "Ada")


@dataclass(frozen=True)
class Sent:
    """A message and its row in one thread."""

    thread: ThreadKey
    message: Message
    row: ConversationRow
    state: str | None = None


def sent(
    tenant_id: str,
    message_id: str,
    *,
    minute: int = 0,
    source: Source = Source.GMAIL,
    account: str = "rep@ours.example",
    thread_id: str = "th_1",
    direction: Direction = Direction.INBOUND,
    copy: str | None = None,
    visible: bool = True,
    text: str | None = None,
    state: str | None = None,
) -> Sent:
    """A message from Ada, or to her."""
    whole = f"{tenant_id}/{source}/{account}/{thread_id}"
    conversation_id = f"cv_{hashlib.sha256(whole.encode()).hexdigest()[:24]}"
    moment: datetime = MORNING + timedelta(minutes=minute)
    inbound = direction is Direction.INBOUND
    message = Message(
        tenant_id,
        source,
        account,
        message_id,
        moment,
        sender=ADA if inbound else REP,
        to=(REP if inbound else ADA,),
        subject=f"Subject of {thread_id}",
        snippet=f"Snippet of {message_id}",
        text=text or f"Text of {message_id}",
    )
    row = ConversationRow(
        f"evt_{hashlib.sha256(f'{whole}/{message_id}'.encode()).hexdigest()[:32]}",
        tenant_id,
        conversation_id,
        account,
        message_id,
        moment,
        direction,
        copy=copy,
        visible=visible,
    )
    return Sent(ThreadKey(tenant_id, source, account, thread_id, conversation_id), message, row, state)


async def store_conversations(store: MongoStore, contact_id: str, messages: Sequence[Sent]) -> None:
    """Everything that this contact has; one call a contact."""
    rows = _settled(contact_id, messages)
    threads: defaultdict[ThreadKey, list[tuple[ConversationRow, Message]]] = defaultdict(list)
    states: dict[ThreadKey, str | None] = {}
    for one in messages:
        threads[one.thread].append((rows[one.row.row_id], one.message))
        states[one.thread] = one.state
    stored = [_thread(key, contact_id, states[key], of_thread) for key, of_thread in threads.items()]
    database = store.database
    for message in messages:
        document = message_document(message.message)
        await database["messages"].replace_one({"_id": document["_id"]}, document, upsert=True)
    await database["conversation_rows"].insert_many(
        # Rows are per address: each contact's have ids of their own.
        [{**row_document(row), "_id": f"{row.row_id}/{contact_id}"} for row in rows.values()]
    )
    await database["conversation_threads"].insert_many([thread_document(thread) for thread in stored])


def _settled(contact_id: str, messages: Sequence[Sent]) -> dict[str, ConversationRow]:
    copies: defaultdict[str, list[ConversationRow]] = defaultdict(list)
    for one in messages:
        copies[one.row.copy or one.row.row_id].append(replace(one.row, contact_id=contact_id))
    return {row.row_id: row for group in copies.values() for row in settle(group)}


def _thread(key: ThreadKey, contact_id: str, state: str | None, rows: list[tuple[ConversationRow, Message]]) -> Thread:
    shown = figures_of((row, message) for row, message in rows if row.shown)
    visible = figures_of((row, message) for row, message in rows if row.visible)
    return Thread(key, contact_id, shown, visible if key.source is Source.GMAIL else None, state)
