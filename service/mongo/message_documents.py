"""Between what is known of messages and the documents that are stored. Absent values are left out."""

from datetime import datetime

from schemas.events import Source
from service.conversations.incoming import Content, Hidden, MessageKey, MessageState, Version
from service.conversations.join import MessageRecord
from service.conversations.model import Direction
from service.mongo.conversation_documents import (
    message_document,
    message_key,
    message_of,
    thread_key_document,
    thread_key_of,
)
from service.mongo.documents import Document


def record_document(record: MessageRecord) -> Document:
    """All that is known of a message, as stored."""
    key = message_key(record.key)
    document: Document = {"_id": key, **key, "received_at": record.received_at, **state_fields(record)}
    content = record.content
    if content is not None:
        document |= message_document(content.message) | {
            "rank": list(content.rank),
            "fingerprint": record.fingerprint,
            "told": content.direction.value,
        }
        if content.copy is not None:
            document["copy"] = content.copy
    return document


def state_fields(record: MessageRecord) -> Document:
    """What may change without the content."""
    fields: Document = {"received_at": record.received_at, "addresses": sorted(record.addresses)}
    if record.deleted:
        fields["deleted"] = True
    if record.thread is not None:
        fields["thread"] = thread_key_document(record.thread)
    if record.state is not None:
        fields["state"] = {
            "version": _version_document(record.state.version),
            "hidden": record.state.hidden,
            "direction": record.state.direction,
        }
    return fields


def _version_document(version: Version | None) -> list[str] | None:
    # As text: Gmail's goes up to 2^64 - 1, and MongoDB's integers to 2^63 - 1.
    return None if version is None else [str(one) for one in version]


def record_of(document: Document) -> MessageRecord:
    """The other way; without text and HTML where those were not read."""
    thread, state = document.get("thread"), document.get("state")
    key = MessageKey(
        document["_id"]["tenant_id"],
        Source(document["_id"]["source"]),
        document["_id"]["account"],
        document["_id"]["message_id"],
    )
    received_at: datetime = document["received_at"]
    return MessageRecord(
        key=key,
        received_at=received_at,
        thread=thread_key_of(thread) if thread else None,
        content=_content_of(document),
        fingerprint=document.get("fingerprint", ""),
        addresses=frozenset(document["addresses"]),
        state=_state_of(state) if state else None,
        deleted=document.get("deleted", False),
    )


def _content_of(document: Document) -> Content | None:
    if "rank" not in document:
        return None
    rank = document["rank"]
    return Content(
        message=message_of(document),
        rank=(rank[0], rank[1]),
        direction=Direction(document["told"]),
        addresses=tuple(document["addresses"]),
        copy=document.get("copy"),
    )


def _state_of(document: Document) -> MessageState:
    version, hidden, direction = document["version"], document["hidden"], document["direction"]
    return MessageState(
        version=(int(version[0]), int(version[1])) if version else None,
        hidden=Hidden(hidden) if hidden else None,
        direction=Direction(direction) if direction else None,
    )
