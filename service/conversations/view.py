"""Conversations as clients see them."""

from typing import Any

from schemas.timestamps import iso_millis
from service.conversations.model import Attachment, Figures, Participant, ShownMessage, Thread


def thread_object(thread: Thread, shown: Figures) -> dict[str, Any]:
    """The fields of `schemas.conversations.Conversation` without `messages`, ready for JSON."""
    return {
        "conversation_id": thread.key.conversation_id,
        "thread_id": thread.key.thread_id,
        "source": thread.key.source.value,
        "subject": shown.subject,
        "snippet": shown.snippet,
        "state": thread.state,
        "participants": [_participant(one) for one in shown.participants],
        "message_count": shown.message_count,
        "first_message_at": iso_millis(shown.first_message_at),
        "last_message_at": iso_millis(shown.last_message_at),
        "last_message_direction": shown.last_message_direction.value,
    }


def message_object(shown: ShownMessage) -> dict[str, Any]:
    """The fields of `schemas.conversations.Message`."""
    message = shown.message
    return {
        "message_id": message.message_id,
        "direction": shown.direction.value,
        "from": _participant(message.sender) if message.sender else None,
        "to": [_participant(one) for one in message.to],
        "cc": [_participant(one) for one in message.cc],
        "sent_at": iso_millis(message.sent_at),
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "attachments": [_attachment(one) for one in message.attachments],
    }


def email_thread_object(thread: Thread) -> dict[str, Any]:
    """The fields of `schemas.conversations.EmailThread`. Raises ValueError for a thread without a visible e-mail, which
    is in no list of them."""
    mailbox = thread.mailbox
    if mailbox is None:
        raise ValueError("only a thread with a visible e-mail is shown as one")
    return {
        "thread_id": thread.key.thread_id,
        "last_message_id": mailbox.last_message_id,
        "subject": mailbox.subject,
        "last_message_at": iso_millis(mailbox.last_message_at),
        "message_count": mailbox.message_count,
        "mailbox": thread.key.account,
    }


def _participant(one: Participant) -> dict[str, Any]:
    return {"email": one.address, "name": one.name}


def _attachment(one: Attachment) -> dict[str, Any]:
    return {"filename": one.filename, "content_type": one.content_type, "size": one.size}
