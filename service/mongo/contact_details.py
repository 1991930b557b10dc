"""A contact with what belongs beside it, from four collections in one round trip."""

from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase

from schemas.topics import MAX_RECORD_BYTES
from service.contacts.detail import ContactDetail
from service.mongo.actions import NEWEST_FIRST, action_of
from service.mongo.documents import Document, contact_of, event_of, profile_of
from service.mongo.errors import translated


class MongoContactDetails:
    """Implements `service.contacts.ports.ContactDetails`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._contacts = database["contacts"]

    async def get(self, tenant_id: str, contact_id: str, actions: int, events: int) -> ContactDetail | None:
        with translated():
            found = await self._contacts.aggregate(detail_of(tenant_id, contact_id, actions, events)).to_list(None)
        parts: dict[str, list[Any]] = {"contact": [], "profile": [], "action": [], "event": []}
        for document in found:
            ((kind, part),) = document.items()
            parts[kind].append(part)
        if not parts["contact"]:
            return None
        return ContactDetail(
            contact_of(parts["contact"][0]),
            profile_of(parts["profile"][0]) if parts["profile"] else None,
            # The order of a union is nobody's promise.
            [action_of(action) for action in _newest_first(parts["action"], "created_at")],
            None
            if None in parts["event"]
            else [event_of(event) for event in _newest_first(parts["event"], "timestamp")],
        )


def detail_of(tenant_id: str, contact_id: str, actions: int, events: int) -> list[Document]:
    """One document for each part, under the name of its kind: a union, since a join would put all of them into one
    document, which has a greatest size. An event of more than its share of MAX_RECORD_BYTES is left out for a null."""
    itself = {"_id": contact_id, "tenant_id": tenant_id}
    belongs = {"tenant_id": tenant_id, "contact_id": contact_id}
    newest_actions = [{"$match": belongs}, {"$sort": dict(NEWEST_FIRST)}, {"$limit": actions}]
    newest_events = [{"$match": belongs}, {"$sort": {"timestamp": -1, "_id": -1}}, {"$limit": events}]
    share = MAX_RECORD_BYTES // events
    light = {"$cond": [{"$lte": [{"$bsonSize": "$$ROOT"}, share]}, "$$ROOT", None]}
    return [
        {"$match": itself},
        {"$unset": "listing"},
        _named("contact"),
        {"$unionWith": {"coll": "profiles", "pipeline": [{"$match": itself}, _named("profile")]}},
        {"$unionWith": {"coll": "actions", "pipeline": [*newest_actions, _named("action")]}},
        {"$unionWith": {"coll": "events", "pipeline": [*newest_events, {"$replaceWith": {"event": light}}]}},
    ]


def _newest_first(documents: list[Document], moment: str) -> list[Document]:
    return sorted(documents, key=lambda document: (document[moment], document["_id"]), reverse=True)


def _named(kind: str) -> Document:
    return {"$replaceWith": {kind: "$$ROOT"}}
