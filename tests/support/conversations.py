"""Store conversations of a contact without their sources: rows that are its own from the start, and what follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.events import Source
from service.conversations.incoming import Content, MessageKey, digest, thread_key
from service.conversations.join import MessageRecord, SourceThread
from service.conversations.model import ConversationRow, Direction, Message, Participant, ThreadKey
from service.conversations.projection import refresh
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
    thread = thread_key(tenant_id, source, account, thread_id)
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
        row_id=digest(thread.conversation_id, message_id),
        tenant_id=tenant_id,
        source=source,
        conversation_id=thread.conversation_id,
        account=account,
        message_id=message_id,
        address="ada@example.com",
        copy=copy or message_id,
        sent_at=moment,
        told=direction,
        direction=direction,
        visible=visible,
        shown=visible,
    )
    return Sent(thread, message, row, state)


async def store_conversations(store: MongoStore, contact_id: str, messages: Sequence[Sent]) -> None:
    """Everything that this contact has; one call a contact."""
    records = [_record(one) for one in messages]
    # Rows are per address: each contact's have ids of their own.
    rows = [replace(one.row, row_id=f"{one.row.row_id}/{contact_id}", contact_id=contact_id) for one in messages]
    states = {one.thread: one.state for one in messages if one.thread.source is Source.INTERCOM}
    async with store.session() as session:

        async def work() -> None:
            await session.messages.write(records, {record.key for record in records})
            await session.source_threads.write([SourceThread(key, 1, state) for key, state in states.items()])
            await session.rows.write(rows, (), ())
            await refresh(session, rows)

        await session.transaction(work)


def _record(one: Sent) -> MessageRecord:
    key = MessageKey(one.row.tenant_id, one.row.source, one.row.account, one.row.message_id)
    content = Content(one.message, (2, 0), one.row.told, ("ada@example.com",))
    return MessageRecord(key, one.row.sent_at, one.thread, content, "stored", frozenset(content.addresses))
