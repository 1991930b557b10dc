"""From a record of `gmail.messages` to facts about one message. Pure: the same record always gives the same facts.

Ranks and versions, as `service.conversations.incoming` compares them:

- Content is of rank (1, 0) from a resource with headers only (`format=metadata`), (2, 0) from one with a body
  (`full`). One without headers (`minimal`) tells no content: nobody is named in it.
- A state's version is (historyId, 0), and (0, 0) for a message without a historyId. New labels without one have no
  version: they change whatever was told before, as they come.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NoReturn

import orjson
from pydantic import ValidationError

from consumers.gmail.addresses import is_mailbox, participants_in, valid_address
from consumers.gmail.headers import Headers, decoded_words
from consumers.gmail.mime import Bodies, bodies_of, has_body
from consumers.gmail.times import sent_at
from consumers.plain_text import decoded_references, one_line, tidy
from consumers.reasons import reason_of
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.runtime.records import receipt_of, tenant_in
from schemas.events import Source
from schemas.gmail import GMAIL_ENVELOPE, GMAIL_MESSAGE, GmailEnvelope, GmailMessage
from service.conversations.incoming import (
    Content,
    Delivery,
    Hidden,
    MessageFact,
    MessageKey,
    MessageState,
    Version,
    digest,
    thread_key,
)
from service.conversations.model import Direction, Message, Participant, ThreadKey

METADATA: Version = (1, 0)
FULL: Version = (2, 0)

MAX_ADDRESSES = 500
"""Of one mail: each gets a row. Those named first are kept."""

MAX_SUBJECT_LENGTH = 2_000
MAX_SNIPPET_LENGTH = 1_000

_HIDING = {"DRAFT": Hidden.DRAFT, "TRASH": Hidden.TRASH, "SPAM": Hidden.SPAM}
"""Strongest first."""
_SENT = "SENT"


def normalise(record: Record, tolerance: timedelta) -> Delivery:
    """The facts. A mail may claim to be sent `tolerance` after its arrival. Raises InvalidRecordError only."""
    if not record.value:
        raise InvalidRecordError("empty value")
    document = _json(record.value)
    tenant = tenant_in(document)
    try:
        envelope = GMAIL_ENVELOPE.validate_python(document)
        message = GMAIL_MESSAGE.validate_python(envelope.resource())
        fact = _fact(envelope, message, record, tolerance)
    except ValidationError as error:
        raise InvalidRecordError(reason_of(error), tenant) from None
    except Exception as error:  # noqa: BLE001 - whatever one record does to this code, its neighbours go on
        raise InvalidRecordError(f"cannot be normalised: {type(error).__name__}", tenant) from None
    return Delivery(receipt_of(record, envelope.tenant_id), record.timestamp, messages=(fact,))


def _json(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        if b"\\u" not in value:
            raise InvalidRecordError("not valid JSON") from None
    # Half an escaped emoji, where somebody cut a snippet short, is refused by the fast parser only.
    try:
        return json.loads(value.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InvalidRecordError("not valid JSON") from None


def _refuse(_: str) -> NoReturn:
    raise ValueError


def _fact(envelope: GmailEnvelope, message: GmailMessage, record: Record, tolerance: timedelta) -> MessageFact:
    tenant, mailbox = envelope.tenant_id, envelope.mailbox
    key = MessageKey(tenant, Source.GMAIL, mailbox, message.id)
    if envelope.kind != "message":
        thread = _thread(tenant, mailbox, message.threadId) if message.threadId else None
        if envelope.kind == "deleted":
            return MessageFact(key, thread, deleted=True)
        return MessageFact(key, thread, state=_state(message, None))
    return MessageFact(
        key,
        _thread(tenant, mailbox, message.threadId or message.id),
        content=_content(key, message, record, tolerance),
        state=_state(message, (0, 0)),
    )


def _thread(tenant_id: str, mailbox: str, thread_id: str) -> ThreadKey:
    return thread_key(tenant_id, Source.GMAIL, mailbox, thread_id)


def _state(message: GmailMessage, unversioned: Version | None) -> MessageState:
    labels = message.labelIds
    return MessageState(
        version=unversioned if message.historyId is None else (message.historyId, 0),
        hidden=next((hidden for label, hidden in _HIDING.items() if label in labels), None),
        direction=Direction.OUTBOUND if _SENT in labels else None,
    )


def _content(key: MessageKey, resource: GmailMessage, record: Record, tolerance: timedelta) -> Content | None:
    payload = resource.payload
    if payload is None or not (payload.headers or has_body(payload)):
        return None
    headers = Headers(payload.headers)
    senders = participants_in(headers.all("from")) or participants_in(headers.all("sender"))
    to, cc = participants_in(headers.all("to")), participants_in(headers.all("cc"))
    others = participants_in([*headers.all("sender"), *headers.all("bcc")])
    moment, dated = sent_at(resource.internalDate, headers.first("date"), record.timestamp, tolerance)
    bodies = bodies_of(payload) if has_body(payload) else Bodies(None, None, ())
    message = Message(
        tenant_id=key.tenant_id,
        source=key.source,
        account=key.account,
        message_id=key.message_id,
        sent_at=moment,
        sender=next((one for one in senders if one.address), senders[0] if senders else None),
        to=tuple(to),
        cc=tuple(cc),
        subject=one_line(decoded_words(headers.first("subject")))[:MAX_SUBJECT_LENGTH] or None,
        snippet=one_line(tidy(decoded_references(resource.snippet)))[:MAX_SNIPPET_LENGTH] or None,
        text=bodies.text,
        html=bodies.html,
        attachments=bodies.attachments,
    )
    from_us = any(one.address is not None and is_mailbox(one.address, key.account) for one in senders)
    return Content(
        message=message,
        rank=FULL if has_body(payload) else METADATA,
        direction=Direction.OUTBOUND if from_us else Direction.INBOUND,
        addresses=_addresses([*senders, *to, *cc, *others], key.account),
        copy=_copy(headers, senders),
        dated=dated,
    )


def _addresses(participants: Iterable[Participant], mailbox: str) -> tuple[str, ...]:
    """The valid ones, each once, without the mailbox itself."""
    found: dict[str, None] = {}
    for one in participants:
        address = valid_address(one.address) if one.address else None
        if address is not None and not is_mailbox(address, mailbox):
            found[address] = None
    return tuple(found)[:MAX_ADDRESSES]


def _copy(headers: Headers, senders: Iterable[Participant]) -> str | None:
    """What the copies of one mail in several mailboxes share: equal Message-IDs alone may be a forgery, or a bug."""
    message_id = one_line(headers.first("message-id")).strip("<> ")
    if not message_id:
        return None
    named = sorted({one.address or one.name or "" for one in senders})
    return digest(message_id, one_line(headers.first("date")), *named)
