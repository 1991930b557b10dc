"""Conversations as Intercom would tell of them, all made up: webhook notifications of API 1.x and 2.x, and REST."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from consumers.runtime.outcomes import Record
from schemas.topics import INTERCOM_EVENTS

Json = dict[str, Any]

RECEIVED = datetime(2026, 11, 23, 9, 30, 0, 123_000, tzinfo=UTC)
BEGAN = 1_780_000_000  # unix seconds, some months before RECEIVED
ADMIN: Json = {"type": "admin", "id": "501", "name": "Grace Hopper", "email": "grace@ours.example"}
BOT: Json = {"type": "bot", "id": "502", "name": "Fin", "email": "operator+a1b2c3@intercom.io"}
OPEN, CLOSED, SNOOZED = "open", "closed", "snoozed"
REDACTED_BODY = "<p><i>This message was deleted</i></p>"


def kind_of(payload: Json) -> str:
    """What our envelope calls it."""
    return "notification" if payload.get("type") == "notification_event" else "conversation"


def envelope(payload: Json, tenant_id: str = "acme", kind: str | None = None) -> bytes:
    """A record's value around a notification or a REST conversation."""
    told = {"tenant_id": tenant_id, kind or kind_of(payload): payload}
    return json.dumps(told).encode("utf-8", "surrogatepass")


def key_of(payload: Json) -> bytes:
    """The record's key: the conversation's id, else the contact's."""
    item = payload["data"]["item"] if "data" in payload else payload
    return str(item.get("conversation_id") or item.get("id")).encode()


def intercom_record(payload: Json, tenant_id: str = "acme", *, received_at: datetime = RECEIVED) -> Record:
    """The record that a producer makes of a notification or a REST conversation."""
    return Record(INTERCOM_EVENTS, 0, 0, key_of(payload), envelope(payload, tenant_id), received_at)


def notification(topic: str, item: Json, at: int = BEGAN) -> Json:
    """A webhook's body, sent a second after what it tells of."""
    return {
        "type": "notification_event",
        "app_id": "a1b2c3",
        "data": {"type": "notification_event_data", "item": item},
        "links": {},
        "id": f"notif_{topic}_{at}",
        "topic": topic,
        "delivery_status": "pending",
        "delivery_attempts": 1,
        "delivered_at": 0,
        "first_sent_at": at + 1,
        "created_at": at + 1,
        "self": None,
    }


@dataclass(frozen=True)
class Step:
    """A part, and what its notification is called. `author` is None for the contact."""

    part_id: int
    topic: str
    part_type: str
    at: int
    body: str | None = None
    author: Json | None = None
    state: str = OPEN
    redacted_at: int | None = None


@dataclass(frozen=True)
class Chat:
    """A conversation with one contact. `api` is the major version that its notifications are in; REST is in 2.x.

    `email` is None as long as Intercom knows none: it then sends "".
    """

    conversation_id: str = "9001"
    contact_id: str = "665f1c0ffee0000000000001"
    email: str | None = "ada@example.com"
    name: str | None = "Ada Lovelace"
    first_id: str = "7001"
    first_body: str = "<p>Where is my order?</p>"
    subject: str = ""
    by_admin: bool = False
    began: int = BEGAN
    api: int = 2
    extra: Json = field(default_factory=dict)
    """Fields of the conversation to set, whatever it tells."""

    # --- what can happen ---------------------------------------------------------------------------------------------

    def created(self) -> Json:
        """`conversation.user.created`, or `conversation.admin.single.created`."""
        topic = "conversation.admin.single.created" if self.by_admin else "conversation.user.created"
        return notification(topic, self._conversation([], self.began, OPEN, self.api), self.began)

    def user_replied(self, part_id: int, at: int, body: str | None = "<p>It is late.</p>") -> Json:
        return self.told(Step(part_id, "conversation.user.replied", "comment", at, body))

    def admin_replied(self, part_id: int, at: int, body: str | None = "<p>On its way.</p>", by: Json = ADMIN) -> Json:
        return self.told(Step(part_id, "conversation.admin.replied", "comment", at, body, by))

    def admin_noted(self, part_id: int, at: int) -> Json:
        return self.told(Step(part_id, "conversation.admin.noted", "note", at, "<p>A difficult one.</p>", ADMIN))

    def admin_assigned(self, part_id: int, at: int) -> Json:
        return self.told(Step(part_id, "conversation.admin.assigned", "assignment", at, None, ADMIN))

    def admin_closed(self, part_id: int, at: int, body: str | None = None) -> Json:
        return self.told(Step(part_id, "conversation.admin.closed", "close", at, body, ADMIN, CLOSED))

    def part_redacted(self, step: Step, at: int) -> Json:
        """The contact's or our message of `step` is deleted."""
        item = self._conversation([self._part(step, self.api, redacted_at=at)], at, step.state, self.api)
        return notification("conversation_part.redacted", item, at)

    def told(self, step: Step) -> Json:
        """The notification of one step: of all parts it has this one only."""
        item = self._conversation([self._part(step, self.api)], step.at, step.state, self.api)
        return notification(step.topic, item, step.at)

    def deleted(self, at: int) -> Json:
        return notification(
            "conversation.deleted", {"type": "conversation", "conversation_id": self.conversation_id}, at
        )

    def rest(self, steps: list[Step]) -> Json:
        """The REST object after all `steps`."""
        last = max([self.began, *(step.redacted_at or step.at for step in steps)])
        state = steps[-1].state if steps else OPEN
        return self._conversation([self._part(step, 2, step.redacted_at) for step in steps], last, state, 2)

    def contact_created(self, at: int = BEGAN) -> Json:
        """`contact.created` (1.x: of a lead), `contact.user.created` (2.x)."""
        told = {"id": self.contact_id, "email": self.email or "", "name": self.name}
        iso = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
        item: Json = {"type": "contact", **told, "created_at": iso, "updated_at": iso, "custom_attributes": {}}
        return notification("contact.created" if self.api == 1 else "contact.user.created", item, at)

    # --- how it is told ----------------------------------------------------------------------------------------------

    def _conversation(self, parts: list[Json], updated_at: int, state: str, api: int) -> Json:
        told: Json = {
            "type": "conversation",
            "id": self.conversation_id,
            "created_at": self.began,
            "updated_at": updated_at,
            "open": state != CLOSED,
            "state": state,
            "snoozed_until": updated_at + 3600 if state == SNOOZED else None,
            "tags": {"type": "tag.list", "tags": []},
            "conversation_parts": {
                "type": "conversation_part.list",
                "conversation_parts": parts,
                "total_count": len(parts),
            },
        }
        return told | (self._people_v1() if api == 1 else self._people_v2()) | self.extra

    def _people_v1(self) -> Json:
        author = {"type": "admin" if self.by_admin else "user", "id": ADMIN["id"] if self.by_admin else self.contact_id}
        return {
            "user": self._contact("lead") | {"user_id": "external-17", "do_not_track": None},
            "assignee": {"type": "nobody_admin", "id": None},
            "conversation_message": {"type": "conversation_message", **self._first_message(author)},
        }

    def _people_v2(self) -> Json:
        contact = {"type": "contact", "id": self.contact_id, "external_id": "external-17"}
        author = ADMIN if self.by_admin else self._contact("lead")
        started = "admin_initiated" if self.by_admin else "customer_initiated"
        first = {"type": "conversation", "delivered_as": started, "redacted": False, **self._first_message(author)}
        return {"source": first, "contacts": {"type": "contact.list", "contacts": [contact]}, "title": None}

    def _first_message(self, author: Json) -> Json:
        return {
            "id": self.first_id,
            "subject": self.subject,
            "body": self.first_body,
            "author": author,
            "attachments": [],
            "url": None,
        }

    def _contact(self, kind: str) -> Json:
        return {"type": kind, "id": self.contact_id, "name": self.name, "email": self.email or ""}

    def _part(self, step: Step, api: int, redacted_at: int | None = None) -> Json:
        author = step.author or self._contact("user")
        if api == 1 and step.author:
            author = {name: value for name, value in author.items() if name != "email"}
        told: Json = {
            "type": "conversation_part",
            "id": str(step.part_id),
            "part_type": step.part_type,
            "body": step.body if redacted_at is None else REDACTED_BODY,
            "created_at": step.at,
            "updated_at": redacted_at or step.at,
            "notified_at": step.at,
            "assigned_to": None,
            "author": author,
            "attachments": [],
            "external_id": None,
        }
        return told if api == 1 else told | {"redacted": redacted_at is not None, "metadata": {}, "state": step.state}
