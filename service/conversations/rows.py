"""The rows that a message has: one for each participant's address. Pure."""

from collections.abc import Iterable

from schemas.events import Source
from service.conversations.incoming import digest
from service.conversations.join import MessageRecord
from service.conversations.model import ConversationRow, Direction
from service.identity.model import Identity, IdentityKind
from service.profile.model import OF_MESSAGE
from service.timeline.model import TimelineEvent

EVENT_NAMES = {
    (Source.GMAIL, Direction.INBOUND): "email_received",
    (Source.GMAIL, Direction.OUTBOUND): "email_sent",
    (Source.INTERCOM, Direction.INBOUND): "conversation_message",
    (Source.INTERCOM, Direction.OUTBOUND): "conversation_message",
}


def rows_of(record: MessageRecord, addresses: Iterable[str]) -> list[ConversationRow]:
    """The rows, without a contact, of a message that has content; `addresses` are all whose it is."""
    content, thread, key = record.content, record.thread, record.key
    if content is None or thread is None or record.deleted:
        return []
    told, visible = record.direction, record.visible
    copy = content.copy or digest(*key)
    return [
        ConversationRow(
            row_id=row_id(record, address),
            tenant_id=key.tenant_id,
            source=key.source,
            conversation_id=thread.conversation_id,
            account=key.account,
            message_id=key.message_id,
            address=address,
            copy=copy,
            sent_at=content.message.sent_at,
            told=told,
            direction=told,
            visible=visible,
            shown=visible,
        )
        for address in sorted(addresses)
    ]


def row_id(record: MessageRecord, address: str) -> str:
    """The same for every delivery, and never shared between tenants."""
    return f"row_{digest(*record.key, address)[:32]}"


def identity_of_row(row: ConversationRow) -> Identity:
    """What links it to a contact."""
    return Identity(row.tenant_id, IdentityKind.EMAIL, row.address)


def event_id(row: ConversationRow) -> str:
    """The timeline event of this message to this address of the row's contact: one for all copies, whichever of them is
    shown. Where an address changed hands between the arrivals of two copies, each contact has its own."""
    return f"evt_{digest(row.tenant_id, row.source, 'message', row.copy, row.address, row.contact_id or '')[:32]}"


def event_of_row(row: ConversationRow, record: MessageRecord) -> TimelineEvent:
    """What a contact's timeline has for a shown row. It tells of the message, and repeats none of its text."""
    if record.content is None or record.thread is None:
        raise ValueError("only a message with content has rows")
    return TimelineEvent(
        event_id=event_id(row),
        tenant_id=row.tenant_id,
        event=EVENT_NAMES[row.source, row.direction],
        source=row.source,
        timestamp=row.sent_at,
        received_at=record.received_at,
        data={
            "conversation_id": row.conversation_id,
            "thread_id": record.thread.thread_id,
            "message_id": row.message_id,
            "account": row.account,
            "direction": row.direction.value,
            "subject": record.content.message.subject,
        },
        identities=(identity_of_row(row),),
        contact_id=row.contact_id,
        context={OF_MESSAGE: True},
    )
