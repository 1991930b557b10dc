"""The collection `events`: every contact's timeline, and what awaits a contact."""

from collections.abc import AsyncIterator, Mapping, Sequence

from bson import encode
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, IndexModel, UpdateOne

from service.errors import RefusedDocumentError
from service.identity.model import Identity
from service.mongo.documents import Document, event_document, event_of, identity_text
from service.mongo.errors import translated
from service.mongo.event_lists import behind
from service.mongo.untold import inserted_mark, linked_mark, put_stages
from service.timeline.model import VISITOR_CONFLICT, TimelineEvent
from service.timeline.query import TimelineQuery

_PORTION = 500
_MAX_BYTES = 16 * 1024 * 1024
"""Of any document, to MongoDB."""
_LINK_BYTES = 1024
"""What linking adds to an event, generously."""

INDEXES = [
    IndexModel(
        [("tenant_id", 1), ("contact_id", 1), ("timestamp", 1), ("_id", 1)],
        partialFilterExpression={"contact_id": {"$exists": True}},
    ),
    IndexModel([("tenant_id", 1), ("awaiting", 1)], partialFilterExpression={"awaiting": {"$exists": True}}),
]


class MongoEvents:
    """Implements `service.ports.Events`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["events"]
        self._session = session

    async def stored(self, event_ids: Sequence[str]) -> dict[str, bool]:
        with translated():
            # `awaiting.0`: whether the list is there is all that is asked.
            cursor = self._collection.find(
                {"_id": {"$in": list(event_ids)}}, {"awaiting": {"$slice": 1}, "_id": 1}, session=self._session
            )
            found = await cursor.to_list(None)
        return {document["_id"]: "awaiting" in document for document in found}

    async def get(self, tenant_id: str, event_ids: Sequence[str]) -> list[TimelineEvent]:
        with translated():
            found = await self._collection.find(
                {"_id": {"$in": list(event_ids)}, "tenant_id": tenant_id}, session=self._session
            ).to_list(None)
        return [event_of(document) for document in found]

    async def insert(self, events: Sequence[TimelineEvent], owners: Mapping[str, str] | None = None) -> None:
        known = owners or {}
        documents = [event_document(event, known.get(event.event_id)) for event in events]
        documents = [one | inserted_mark(one["contact_id"]) if "contact_id" in one else one for one in documents]
        with translated():
            _leave_room([one for one in documents if "awaiting" in one])
            await self._collection.insert_many(documents, ordered=False, session=self._session)

    async def awaiting(self, identity: Identity, limit: int) -> list[TimelineEvent]:
        query = {"tenant_id": identity.tenant_id, "awaiting": identity_text(identity)}
        with translated():
            cursor = self._collection.find(query, session=self._session).limit(limit)
            return [event_of(document) for document in await cursor.to_list(None)]

    async def link(self, event_ids: Sequence[str], contact_id: str) -> int:
        with translated():
            result = await self._collection.update_many(
                {"_id": {"$in": list(event_ids)}, "awaiting": {"$exists": True}},
                [{"$set": {"contact_id": {"$literal": contact_id}, **linked_mark(contact_id)}}, {"$unset": "awaiting"}],
                session=self._session,
            )
        return result.modified_count

    async def put(
        self, tenant_id: str, events: Sequence[TimelineEvent], gone: Sequence[str], *, linked: bool = False
    ) -> None:
        writes: list[UpdateOne | DeleteOne] = [
            UpdateOne({"_id": event.event_id, "tenant_id": tenant_id}, _put(event, linked=linked), upsert=True)
            for event in events
        ]
        writes += [DeleteOne({"_id": event_id, "tenant_id": tenant_id}) for event_id in gone]
        if writes:
            with translated():
                await self._collection.bulk_write(writes, ordered=False, session=self._session)

    async def mark_disputed(self, event_ids: Sequence[str]) -> None:
        with translated():
            await self._collection.update_many(
                {"_id": {"$in": list(event_ids)}},
                {"$set": {f"context.{VISITOR_CONFLICT}": True}},
                session=self._session,
            )

    async def timeline(self, query: TimelineQuery) -> AsyncIterator[list[TimelineEvent]]:
        direction = -1 if query.newest_first else 1
        criteria: Document = {"tenant_id": query.tenant_id, "contact_id": query.contact_id}
        if query.event is not None:
            criteria["event"] = query.event
        if query.after is not None:
            criteria |= behind("timestamp", query.after, newest_first=query.newest_first)
        with translated():
            cursor = self._collection.find(criteria, session=self._session, batch_size=_PORTION)
            cursor = cursor.sort([("timestamp", direction), ("_id", direction)])
            if query.limit is not None:
                cursor = cursor.limit(query.limit)
            while portion := await cursor.to_list(_PORTION):
                yield [event_of(document) for document in portion]


def _leave_room(awaiting: Sequence[Document]) -> None:
    """Refuse what could be stored, but not linked: whatever else its contact is to get, and every link task behind
    it, would be kept waiting for ever."""
    if any(len(encode(document)) > _MAX_BYTES - _LINK_BYTES for document in awaiting):
        raise RefusedDocumentError


def _put(event: TimelineEvent, *, linked: bool) -> list[Document]:
    document = event_document(event)
    return put_stages(document, document["contact_id"], linked=linked)
