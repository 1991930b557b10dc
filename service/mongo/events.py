"""The collection `events`: every contact's timeline, and what awaits a contact."""

from collections.abc import AsyncIterator, Mapping, Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, IndexModel, UpdateOne

from service.identity.model import Identity
from service.mongo.bulk_writes import write_all
from service.mongo.documents import Document, event_document, event_of, identity_text
from service.mongo.errors import translated
from service.mongo.event_portions import WEIGHED, WEIGHT, next_portion, only_portion
from service.mongo.keyset import behind
from service.mongo.untold import inserted_mark, linked_mark, put_stages
from service.timeline.model import VISITOR_CONFLICT, Portion, TimelineEvent
from service.timeline.query import TimelineQuery

_PORTION = 500
_MAX_LINKED = 16 * 1024 * 1024 - 1024
"""Linking adds some bytes, and no document may have more than 16 MiB: what has no room for them stays unlinked, and
keeps nothing else of its contact waiting."""

INDEXES = [
    IndexModel(
        [("tenant_id", 1), ("contact_id", 1), ("timestamp", 1), ("_id", 1)],
        partialFilterExpression={"contact_id": {"$exists": True}},
    ),
    IndexModel([("tenant_id", 1), ("awaiting", 1)], partialFilterExpression={"awaiting": {"$exists": True}}),
]


class MongoEvents:
    """Implements `service.timeline.ports.Events`."""

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
            await self._collection.insert_many(documents, ordered=False, session=self._session)

    async def awaiting(self, identity: Identity, limit: int) -> Portion:
        query = {"tenant_id": identity.tenant_id, "awaiting": identity_text(identity)}
        pipeline = [{"$match": query}, WEIGHED, {"$match": {WEIGHT: {"$lt": _MAX_LINKED}}}, {"$limit": limit}]
        with translated():
            cursor = self._collection.aggregate(pipeline, session=self._session)
            return await only_portion(cursor, limit)

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
        await write_all(self._collection, writes, self._session)

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
        if query.behind is not None:
            criteria |= behind("timestamp", query.behind, newest_first=query.newest_first)
        pipeline: list[Document] = [{"$match": criteria}, {"$sort": {"timestamp": direction, "_id": direction}}]
        if query.limit is not None:
            pipeline.append({"$limit": query.limit})
        with translated():
            cursor = self._collection.aggregate([*pipeline, WEIGHED], session=self._session, batchSize=_PORTION)
            more = True
            while more:
                events, more = await next_portion(cursor, _PORTION)
                if events:
                    yield events


def _put(event: TimelineEvent, *, linked: bool) -> list[Document]:
    document = event_document(event)
    return put_stages(document, document["contact_id"], linked=linked)
