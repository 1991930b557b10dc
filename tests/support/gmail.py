"""Gmail as it comes: `users.messages` resources made up here, records that hold them, and mails turned into them."""

import base64
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as ParsedMail
from typing import Any

from consumers.gmail.normalise import normalise
from consumers.runtime.outcomes import Record
from schemas.topics import GMAIL_MESSAGES
from service.conversations.incoming import Content, MessageFact
from service.conversations.model import Message

TOLERANCE = timedelta(hours=1)
RECEIVED = datetime(2026, 11, 23, 9, 30, 0, 123_000, tzinfo=UTC)
TENANT = "acme"
MAILBOX = "rep@ours.example"
ADA = "Ada Lovelace <ada@example.com>"
_FOLD = re.compile(r"\r?\n(?=[ \t])")

Resource = dict[str, Any]


def gmail_value(
    message: Resource | None,
    *,
    kind: str = "message",
    tenant_id: str = TENANT,
    mailbox: str = MAILBOX,
    **beside: Any,
) -> bytes:
    """A record's value; `beside` are further fields of the envelope. Lone surrogates go as JSON escapes."""
    envelope = {"tenant_id": tenant_id, "mailbox": mailbox, "kind": kind, "message": message}
    return json.dumps({name: value for name, value in (envelope | beside).items() if value is not None}).encode()


def gmail_record(
    message: Resource | None = None, *, offset: int = 0, received: datetime = RECEIVED, **envelope: Any
) -> Record:
    """A record of `gmail.messages`; `envelope` as for `gmail_value`."""
    value = gmail_value(message, **envelope)
    key = str(envelope.get("mailbox", MAILBOX)).encode("utf-8", "replace")
    return Record(GMAIL_MESSAGES, 0, offset, key, value, received)


def gmail_message(
    message_id: str = "m1",
    *,
    thread_id: str | None = "t1",
    sender: str | None = ADA,
    to: str | None = f"Rep <{MAILBOX}>",
    cc: str | None = None,
    bcc: str | None = None,
    subject: str | None = "Hello",
    date: str | None = "Mon, 23 Nov 2026 09:00:00 +0000",
    mail_id: str | None = "<m1@example.com>",
    labels: Iterable[str] | None = ("INBOX",),
    history_id: str | None = "100",
    internal_date: str | None = "1795424400000",
    snippet: str = "Hello there",
    payload: Resource | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> Resource:
    """A `format=full` resource of a mail from Ada to the mailbox, in plain text unless `payload` says otherwise. What
    is None is absent. `date` and `internal_date` are the same instant."""
    named = {"From": sender, "To": to, "Cc": cc, "Bcc": bcc, "Subject": subject, "Date": date, "Message-ID": mail_id}
    whole = dict(payload) if payload is not None else text_part("Hello there\r\n")
    own = [header(name, value) for name, value in named.items() if value is not None]
    whole["headers"] = own + [header(*pair) for pair in headers] + whole.get("headers", [])
    resource = {
        "id": message_id,
        "threadId": thread_id,
        "labelIds": list(labels) if labels is not None else None,
        "snippet": snippet,
        "payload": whole,
        "sizeEstimate": 1234,
        "historyId": history_id,
        "internalDate": internal_date,
    }
    return {name: value for name, value in resource.items() if value is not None}


def metadata_of(resource: Resource) -> Resource:
    """The same message in `format=metadata`: headers, and no body."""
    payload = {name: resource["payload"][name] for name in ("mimeType", "headers")}
    return {**resource, "payload": payload}


def minimal_of(resource: Resource) -> Resource:
    """The same message in `format=minimal`: no headers."""
    return {name: value for name, value in resource.items() if name != "payload"}


def header(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def text_part(text: str | bytes, mime_type: str = "text/plain", charset: str = "utf-8", filename: str = "") -> Resource:
    """A leaf with its data in it."""
    data = text.encode() if isinstance(text, str) else text
    return {
        "mimeType": mime_type,
        "filename": filename,
        "headers": [header("Content-Type", f'{mime_type}; charset="{charset}"')],
        "body": {"size": len(data), "data": base64url(data)},
    }


def html_part(html: str) -> Resource:
    return text_part(html, "text/html")


def attachment_part(
    filename: str = "a.pdf", mime_type: str = "application/pdf", attachment_id: str = "ANGjdJ_1", size: Any = 12
) -> Resource:
    """A leaf whose data is elsewhere."""
    return {
        "mimeType": mime_type,
        "filename": filename,
        "headers": [header("Content-Type", mime_type)],
        "body": {"attachmentId": attachment_id, "size": size},
    }


def multipart(subtype: str, *parts: Resource) -> Resource:
    return {"mimeType": f"multipart/{subtype}", "filename": "", "body": {"size": 0}, "parts": list(parts)}


def resource_of(mail: bytes, message_id: str = "m1") -> Resource:
    """A mail as sent (RFC 5322), as Gmail would give it: bodies transfer-decoded, attachments elsewhere."""
    parsed = message_from_bytes(mail)
    return {
        "id": message_id,
        "threadId": "t1",
        "labelIds": ["INBOX"],
        "snippet": "",
        "payload": _payload_of(parsed),
        "historyId": "100",
        "sizeEstimate": len(mail),
    }


def _payload_of(part: ParsedMail) -> Resource:
    mime_type, filename = part.get_content_type(), part.get_filename() or ""
    payload: Resource = {
        "mimeType": mime_type,
        "filename": _unescaped(filename),
        "headers": [header(name, _FOLD.sub("", _unescaped(value))) for name, value in _raw_headers(part)],
        "body": {"size": 0},
    }
    inner = part.get_payload()
    if isinstance(inner, list):
        payload["parts"] = [_payload_of(one) for one in inner if isinstance(one, ParsedMail)]
        return payload
    if part.get_content_maintype() == "multipart":
        return payload  # a container in which the parser found nothing
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    if filename or not mime_type.startswith("text/"):
        payload["body"] = {"size": len(data), "attachmentId": "ANGjdJ_1"}
    else:
        payload["body"] = {"size": len(data), "data": base64url(data)}
    return payload


def _raw_headers(part: ParsedMail) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in part.raw_items()]


def _unescaped(value: str) -> str:
    """Bytes beyond ASCII, which the parser keeps as surrogates, as UTF-8 where they are."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def fact_of(message: Resource | None = None, **envelope: Any) -> MessageFact:
    """The one fact that a record of this message tells."""
    (fact,) = normalise(gmail_record(message, **envelope), TOLERANCE).messages
    return fact


def content_of(**fields: Any) -> Content:
    content = fact_of(gmail_message(**fields)).content
    assert content is not None
    return content


def message_of(**fields: Any) -> Message:
    return content_of(**fields).message
