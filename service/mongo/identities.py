"""The collection `identities`: the registry (design, decision 2), and its link tasks (decision 4)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel

from service.identity.model import Association, Identity
from service.mongo.documents import Document, identity_document, identity_key, identity_of, identity_text
from service.mongo.errors import translated

INDEXES = [
    # The sweep's: across tenants, since it is the system's own work. Only unfinished tasks are in it.
    IndexModel([("link_task", 1)], partialFilterExpression={"link_task": {"$exists": True}}),
    IndexModel([("_id.tenant_id", 1), ("contact_id", 1)]),
]


class MongoIdentities:
    """Implements `service.identity.ports.Identities`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["identities"]
        self._events = database["events"]
        self._session = session

    async def associate(self, associations: Sequence[Association], now: datetime) -> None:
        documents = [identity_document(association, now) for association in associations]
        with translated():
            await self._collection.insert_many(documents, session=self._session)

    async def owners(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        keys = [identity_key(identity) for identity in identities]
        if not keys:
            return {}
        with translated():
            cursor = self._collection.find({"_id": {"$in": keys}}, {"contact_id": 1}, session=self._session)
            found = await cursor.to_list(None)
        return {identity_of(document["_id"]): document["contact_id"] for document in found}

    async def awaited(self, identities: Sequence[Identity]) -> bool:
        for tenant_id, group in groupby(sorted(identities), key=lambda identity: identity.tenant_id):
            pipeline = awaiting_of(tenant_id, [identity_text(identity) for identity in group])
            with translated():
                if await self._events.aggregate(pipeline, session=self._session).to_list(None):
                    return True
        return False

    async def claim(self, identity: Identity, contact_id: str) -> bool:
        with translated():
            result = await self._collection.update_one(
                {"_id": identity_key(identity), "contact_id": contact_id},
                {"$inc": {"link_batches": 1}},
                session=self._session,
            )
        return result.matched_count == 1

    async def free(self, identities: Sequence[Identity], contact_id: str) -> None:
        keys = [identity_key(identity) for identity in identities]
        with translated():
            await self._collection.delete_many({"_id": {"$in": keys}, "contact_id": contact_id}, session=self._session)

    async def free_all(self, tenant_id: str, contact_id: str) -> None:
        with translated():
            await self._collection.delete_many(
                {"_id.tenant_id": tenant_id, "contact_id": contact_id}, session=self._session
            )

    async def fence(self, identities: Sequence[Identity]) -> None:
        keys = [identity_key(identity) for identity in identities]
        if keys:
            with translated():
                # Whoever inserts one of them, beside this or in a snapshot of before, has a write conflict.
                await self._collection.insert_many([{"_id": key} for key in keys], session=self._session)
                await self._collection.delete_many({"_id": {"$in": keys}}, session=self._session)

    async def finish(self, link_tasks: Sequence[str]) -> None:
        with translated():
            await self._collection.update_many(
                {"link_task": {"$in": list(link_tasks)}}, {"$unset": {"link_task": ""}}, session=self._session
            )

    async def unfinished(
        self, before: str, limit: int, beyond: str | None = None, behind: str = ""
    ) -> list[Association]:
        either: list[Document] = [{"link_task": {"$gt": behind, "$lt": before}}]
        if beyond is not None:
            either.append({"link_task": {"$gt": max(behind, beyond)}})
        with translated():
            cursor = self._collection.find({"$or": either}, session=self._session)
            found = await cursor.sort("link_task", 1).limit(limit).to_list(None)
        return [Association(identity_of(item["_id"]), item["contact_id"], item["link_task"]) for item in found]


def awaiting_of(tenant_id: str, identity_texts: Sequence[str]) -> list[Document]:
    """At most one of the events and one of the conversations' rows that await these, in one round trip."""
    first: list[Document] = [
        {"$match": {"tenant_id": tenant_id, "awaiting": {"$in": list(identity_texts)}}},
        {"$limit": 1},
        {"$project": {"_id": 1}},
    ]
    return [*first, {"$unionWith": {"coll": "conversation_rows", "pipeline": first}}]
