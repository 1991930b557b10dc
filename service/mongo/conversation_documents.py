"""Between conversations and the documents that are stored. Absent values are left out."""

from typing import Any

from schemas.events import Source
from service.conversations.incoming import MessageKey, PersonKey
from service.conversations.model import (
    Attachment,
    ConversationRow,
    Direction,
    Figures,
    Message,
    Participant,
    Thread,
    ThreadKey,
)
from service.conversations.parts import part_number
from service.mongo.documents import Document


def message_key(message: Message | MessageKey) -> Document:
    """A message's `_id`. The order of the fields is part of the key."""
    return {
        "tenant_id": message.tenant_id,
        "source": message.source.value,
        "account": message.account,
        "message_id": message.message_id,
    }


def person_key(person: PersonKey) -> Document:
    """A person's `_id`. The order of the fields is part of the key."""
    return {"tenant_id": person.tenant_id, "source": person.source.value, "person_id": person.person_id}


def person_of(key: Document) -> PersonKey:
    """The other way."""
    return PersonKey(key["tenant_id"], Source(key["source"]), key["person_id"])


def message_document(message: Message) -> Document:
    """A message's content as stored."""
    key = message_key(message)
    return _present(
        {
            "_id": key,
            **key,
            "sent_at": message.sent_at,
            "from": participant_document(message.sender) if message.sender else None,
            "to": [participant_document(one) for one in message.to],
            "cc": [participant_document(one) for one in message.cc],
            "subject": message.subject,
            "snippet": message.snippet,
            "text": message.text,
            "html": message.html,
            "attachments": [
                _present({"filename": one.filename, "content_type": one.content_type, "size": one.size})
                for one in message.attachments
            ],
        }
    )


def message_of(document: Document) -> Message:
    """The other way."""
    get = document.get
    sender = get("from")
    return Message(
        tenant_id=document["tenant_id"],
        source=Source(document["source"]),
        account=document["account"],
        message_id=document["message_id"],
        sent_at=document["sent_at"],
        sender=participant_of(sender) if sender is not None else None,
        to=tuple(participant_of(one) for one in get("to", ())),
        cc=tuple(participant_of(one) for one in get("cc", ())),
        subject=get("subject"),
        snippet=get("snippet"),
        text=get("text"),
        html=get("html"),
        attachments=tuple(
            Attachment(one.get("filename"), one.get("content_type"), one.get("size")) for one in get("attachments", ())
        ),
    )


def row_document(row: ConversationRow) -> Document:
    """A participant's row as stored."""
    return _present(
        {
            "_id": row.row_id,
            "tenant_id": row.tenant_id,
            "source": row.source.value,
            "conversation_id": row.conversation_id,
            "account": row.account,
            "message_id": row.message_id,
            "part": part_number(row.message_id),
            "address": row.address,
            "copy": row.copy,
            "sent_at": row.sent_at,
            "told": row.told.value,
            "direction": row.direction.value,
            "contact_id": row.contact_id,
            "visible": row.visible,
            "shown": row.shown,
        }
    )


def row_of(document: Document) -> ConversationRow:
    """The other way."""
    return ConversationRow(
        row_id=document["_id"],
        tenant_id=document["tenant_id"],
        source=Source(document["source"]),
        conversation_id=document["conversation_id"],
        account=document["account"],
        message_id=document["message_id"],
        address=document["address"],
        copy=document["copy"],
        sent_at=document["sent_at"],
        told=Direction(document["told"]),
        direction=Direction(document["direction"]),
        contact_id=document.get("contact_id"),
        visible=document["visible"],
        shown=document["shown"],
    )


def thread_key_document(key: ThreadKey) -> Document:
    """A thread's key as stored."""
    return {
        "tenant_id": key.tenant_id,
        "source": key.source.value,
        "account": key.account,
        "thread_id": key.thread_id,
        "conversation_id": key.conversation_id,
    }


def thread_key_of(document: Document) -> ThreadKey:
    """The other way."""
    return ThreadKey(
        tenant_id=document["tenant_id"],
        source=Source(document["source"]),
        account=document["account"],
        thread_id=document["thread_id"],
        conversation_id=document["conversation_id"],
    )


def thread_id(contact_id: str, conversation_id: str) -> Document:
    """The `_id` of a contact's thread. The order of the fields is part of the key."""
    return {"contact_id": contact_id, "conversation_id": conversation_id}


def thread_document(thread: Thread) -> Document:
    """A contact's thread as stored."""
    return _present(
        {
            "_id": thread_id(thread.contact_id, thread.key.conversation_id),
            "contact_id": thread.contact_id,
            **thread_key_document(thread.key),
            "shown": _figures_document(thread.shown),
            "mailbox": _figures_document(thread.mailbox),
        }
    )


def thread_of(document: Document) -> Thread:
    """The other way."""
    shown, mailbox = _figures_of(document.get("shown")), _figures_of(document.get("mailbox"))
    return Thread(thread_key_of(document), document["contact_id"], shown, mailbox)


def _figures_document(figures: Figures | None) -> Document | None:
    if figures is None:
        return None
    return _present(
        {
            "message_count": figures.message_count,
            "first_message_at": figures.first_message_at,
            "last_message_at": figures.last_message_at,
            "last_message_id": figures.last_message_id,
            "last_message_direction": figures.last_message_direction.value,
            "subject": figures.subject,
            "snippet": figures.snippet,
            "participants": [participant_document(one) for one in figures.participants],
        }
    )


def _figures_of(document: Document | None) -> Figures | None:
    if document is None:
        return None
    return Figures(
        message_count=document["message_count"],
        first_message_at=document["first_message_at"],
        last_message_at=document["last_message_at"],
        last_message_id=document["last_message_id"],
        last_message_direction=Direction(document["last_message_direction"]),
        subject=document.get("subject"),
        snippet=document.get("snippet"),
        participants=tuple(participant_of(one) for one in document["participants"]),
    )


def participant_document(one: Participant) -> Document:
    """A participant as stored."""
    return _present({"address": one.address, "name": one.name})


def participant_of(document: Document) -> Participant:
    """The other way."""
    return Participant(document.get("address"), document.get("name"))


def _present(document: dict[str, Any]) -> Document:
    return {key: value for key, value in document.items() if value is not None}
