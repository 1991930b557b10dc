"""A tenant with something on every route, each piece of it recognisable wherever it might leak."""

import uuid
from dataclasses import dataclass
from typing import Any

from deploy.bootstrap import build_core
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.conversations import sent, store_conversations
from tests.support.events import page_view, visitor

_PIECES = "email visitor name company country co note reason title message thread text".split()


@dataclass(frozen=True)
class World:
    """One tenant's data, and a user with every scope."""

    user: ApiUser
    told: dict[str, str]
    contact_id: str
    note_id: str
    action_id: str
    email: str
    visitor_id: str
    webhook_secret: str
    cursors: dict[str, str]
    secrets: tuple[str, ...]

    @property
    def ids(self) -> dict[str, str]:
        """By the names that paths give them."""
        return {"contact_id": self.contact_id, "note_id": self.note_id, "action_id": self.action_id} | {
            "tenant": self.user.tenant_id
        }

    def path(self, template: str) -> str:
        """A route's path with this world's ids."""
        return template.format(**self.ids)

    def leaks(self, answer: Any, sent_by_other: Any) -> list[str]:
        """What of this world an answer shows that whoever asked did not say."""
        return [secret for secret in self.secrets if secret in str(answer) and secret not in str(sent_by_other)]


async def make_world(user: ApiUser, store: MongoStore) -> World:
    """A contact with an event, a note, an action and a conversation; and a second one, so that lists go on."""
    told = {name: f"{name}{uuid.uuid4().hex[:12]}" for name in _PIECES}
    email, visitor_id = f"{told['email']}@example.com", f"v-{told['visitor']}"
    properties = {"firstname": told["name"], "company": told["company"], "country": told["country"]}
    contact = await user.create_contact(email, properties=properties, visitor_id=visitor_id, company_id=told["co"])
    contact_id = contact["contact_id"]
    note = await user.post(f"/v1/contacts/{contact_id}/notes", {"content": told["note"]})
    params = {"contact_id": contact_id, "lifecycle_stage": "customer", "reason": told["reason"]}
    action = await user.post("/v1/actions", {"type": "update_lifecycle_stage", "params": params})
    event = page_view(user.tenant_id, visitor(user.tenant_id, visitor_id), data={"title": told["title"]})
    await build_core(store).ingest([event])
    mail = sent(user.tenant_id, told["message"], thread_id=told["thread"], text=told["text"])
    await store_conversations(store, contact_id, [mail])
    await user.create_contact(f"second-{told['email']}@example.com")
    pages = {path: await user.get(path, params={"limit": 1}) for path in ("/v1/contacts", "/v1/events")}
    cursors = {path: page.body["pagination"]["next_cursor"] for path, page in pages.items()}
    note_id, action_id = note.body["note"]["note_id"], action.body["action_id"]
    webhook_secret = uuid.uuid4().hex
    await store.webhook_secrets.put(user.tenant_id, "intercom", webhook_secret, event.received_at)
    secrets = (
        *told.values(),
        webhook_secret,
        contact_id,
        note_id,
        action_id,
        event.event_id,
        user.tenant_id,
        user.key_id,
    )
    return World(user, told, contact_id, note_id, action_id, email, visitor_id, webhook_secret, cursors, secrets)
