"""What the sources tell: the records of an operation, and what each of them must become in a timeline."""

from typing import Any, NamedTuple

import orjson

from tests.chaos.operations import Kind, Operation
from tests.support.gmail import gmail_message, gmail_value
from tests.support.intercom import BEGAN, Chat, Json, envelope, key_of
from tests.support.tracker_fixtures import event_id

MAILBOXES = ("rep@ours.example", "sales@ours.example")
_SESSION_LENGTH = 25
_MAILS_BEGAN_MS = 1_790_000_000_000


class SourceRecord(NamedTuple):
    """One record of a source's topic."""

    source: str
    key: bytes
    value: bytes


def email_of(person: str) -> str:
    return f"{person}@example.com"


def visitor_of(person: str, device: int) -> str:
    return f"v-{person}-{device}"


def external_of(person: str) -> str:
    return f"x-{person}"


def session_of(operation: Operation) -> str:
    """Some visits of a device in a row are one session."""
    device = visitor_of(operation.person, operation.told["device"])
    return f"s-{device}-{operation.serial // _SESSION_LENGTH}"


def visit_of(operation: Operation) -> dict[str, Any]:
    """A visit as a web page tells it."""
    login = {"external_contact_id": external_of(operation.person)} if operation.told.get("login") else {}
    return {
        "event": "page_view",
        "message_id": f"m-{operation.name}",
        "visitorId": visitor_of(operation.person, operation.told["device"]),
        "sessionId": session_of(operation),
        "url": f"https://www.site.example/{operation.serial % 7}",
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
        **login,
    }


def records_of(operation: Operation, tenant_id: str) -> list[SourceRecord]:
    """Those that an operation sends straight to Kafka. (AGAIN sends another operation's.)"""
    if operation.kind is Kind.VISIT:
        visit = visit_of(operation)
        return [SourceRecord("tracker", visit["visitorId"].encode(), orjson.dumps({"tenant_id": tenant_id, **visit}))]
    if operation.kind is Kind.MAIL:
        return _mails(operation, tenant_id)
    if operation.kind is Kind.CHAT:
        told = _told_by_intercom(operation)
        return [SourceRecord("intercom", key_of(told), envelope(told, tenant_id))]
    assert operation.kind is Kind.POISON
    # Legible enough to name its tenant, and nothing that the source could have sent.
    value = orjson.dumps({"tenant_id": tenant_id, "message_id": f"poison-{operation.name}", "no such field": 1})
    return [SourceRecord(operation.told["source"], operation.name.encode(), value)]


def record_id(source: str, value: bytes) -> str:
    """What tells a record from others of its topic, whoever wrote it (the door for visits writes its own JSON)."""
    if source == "tracker":
        return str(orjson.loads(value)["message_id"])
    return value.decode()


def entries_of(operation: Operation, tenant_id: str) -> list[str]:
    """The timeline entries that it comes to, once it is known whose it is; see `entry_of`."""
    if operation.kind in (Kind.VISIT, Kind.TRACK):
        return [event_id(tenant_id, f"m-{operation.name}")]
    if operation.kind is Kind.MAIL:
        return [f"gmail:g-{operation.name}"]
    if operation.kind is Kind.CHAT and operation.told["step"] in ("created", "user", "admin"):
        return [f"intercom:{_part_of(operation.client, operation.serial)}"]
    return []


def entry_of(event: dict[str, Any]) -> str:
    """What tells an entry from others of its timeline: a visit's and a change's id, a message's name."""
    if event["source"] in ("gmail", "intercom"):
        return f"{event['source']}:{event['data']['message_id']}"
    return str(event["event_id"])


def _mails(operation: Operation, tenant_id: str) -> list[SourceRecord]:
    address, ours = email_of(operation.person), MAILBOXES if operation.told["copied"] else MAILBOXES[:1]
    inbound = operation.told["inbound"]
    sender, to = (address, ", ".join(ours)) if inbound else (MAILBOXES[0], address)
    found = []
    for mailbox, prefix in zip(ours, ("g", "h"), strict=False):
        message = gmail_message(
            f"{prefix}-{operation.name}",
            thread_id=f"{prefix}t-{operation.person}",
            sender=sender,
            to=to,
            mail_id=f"<{operation.name}@example.com>",
            labels=["INBOX"] if inbound else ["SENT"],
            internal_date=str(_MAILS_BEGAN_MS + operation.serial * 1000),
        )
        found.append(
            SourceRecord("gmail", mailbox.encode(), gmail_value(message, tenant_id=tenant_id, mailbox=mailbox))
        )
    return found


def _told_by_intercom(operation: Operation) -> Json:
    told = operation.told
    number, at = _part_of(operation.client, operation.serial), BEGAN + 10 * operation.serial
    chat = Chat(
        conversation_id=f"9{_part_of(operation.client, told['chat'])}",
        contact_id=f"665f-{operation.person}",
        email=email_of(operation.person) if told["known"] else None,
        first_id=str(_part_of(operation.client, told["chat"])),
        began=BEGAN + 10 * told["chat"],
    )
    if told["step"] == "created":
        return chat.created()
    if told["step"] == "contact":
        return chat.contact_created(at)
    if told["step"] == "user":
        return chat.user_replied(number, at)
    if told["step"] == "admin":
        return chat.admin_replied(number, at)
    return chat.admin_noted(number, at)


def _part_of(client: int, serial: int) -> int:
    return (client + 1) * 1_000_000 + serial
