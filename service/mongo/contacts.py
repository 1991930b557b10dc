"""The collections `contacts`, and `tombstones` of those that were deleted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, ReplaceOne, ReturnDocument

from service.contacts.model import Contact
from service.mongo import contact_plans
from service.mongo.documents import Document, contact_document, contact_of
from service.mongo.errors import translated

INDEXES = contact_plans.INDEXES

# The sweep's: across tenants, since it is the system's own work. Only tombstones with something left behind are in it.
TOMBSTONE_INDEXES = [IndexModel([("unswept", 1)], partialFilterExpression={"unswept": True})]


class MongoContacts:
    """Implements `service.contacts.ports.Contacts`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["contacts"]
        self._tombstones = database["tombstones"]
        self._session = session

    async def insert(self, contact: Contact) -> None:
        with translated():
            await self._collection.insert_one(contact_document(contact), session=self._session)

    async def insert_many(self, contacts: Sequence[Contact]) -> None:
        if contacts:
            with translated():
                await self._collection.insert_many(map(contact_document, contacts), session=self._session)

    async def get(self, tenant_id: str, contact_id: str) -> Contact | None:
        with translated():
            found = await self._collection.find_one({"_id": contact_id, "tenant_id": tenant_id}, session=self._session)
        return contact_of(found) if found else None

    async def get_many(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, Contact]:
        criteria = {"_id": {"$in": list(contact_ids)}, "tenant_id": tenant_id}
        with translated():
            found = await self._collection.find(criteria, session=self._session).to_list(None)
        return {document["_id"]: contact_of(document) for document in found}

    async def lock(self, tenant_id: str, contact_id: str, now: datetime) -> Contact | None:
        with translated():
            found = await self._collection.find_one_and_update(
                {"_id": contact_id, "tenant_id": tenant_id},
                # `told_at` is of a last event that is not the last one any more.
                {"$inc": {"sequence": 1}, "$max": {"committed_at": now}, "$unset": {"told_at": ""}},
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        return contact_of(found) if found else None

    async def hold(self, tenant_id: str, contact_id: str, now: datetime, token: str) -> tuple[Contact, datetime] | None:
        told_at = {"$ifNull": ["$told_at", "$committed_at"]}
        with translated():
            found = await self._collection.find_one_and_update(
                {"_id": contact_id, "tenant_id": tenant_id},
                # `told_at` keeps the last event's time, until there is another one. The token makes it a write
                # even where all else stays: only a write conflicts.
                [{"$set": {"told_at": told_at, "committed_at": {"$max": ["$committed_at", now]}, "held_by": token}}],
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        if found is None:
            return None
        return replace(contact_of(found), committed_at=found["told_at"]), found["committed_at"]

    async def replace(self, contact: Contact) -> None:
        with translated():
            await self._collection.replace_one(
                {"_id": contact.contact_id, "tenant_id": contact.tenant_id},
                contact_document(contact),
                session=self._session,
            )

    async def replace_many(self, contacts: Sequence[Contact]) -> None:
        writes = [
            ReplaceOne({"_id": one.contact_id, "tenant_id": one.tenant_id}, contact_document(one)) for one in contacts
        ]
        if writes:
            with translated():
                await self._collection.bulk_write(writes, session=self._session)

    async def bury(self, contact: Contact) -> None:
        tombstone = {
            "_id": contact.contact_id,
            "tenant_id": contact.tenant_id,
            "sequence": contact.sequence,
            "deleted_at": contact.committed_at,
            "unswept": True,
        }
        with translated():
            key = {"_id": contact.contact_id, "tenant_id": contact.tenant_id}
            await self._collection.delete_one(key, session=self._session)
            await self._tombstones.insert_one(tombstone, session=self._session)

    async def unswept(self, limit: int) -> list[tuple[str, str]]:
        with translated():
            cursor = self._tombstones.find({"unswept": True}, {"tenant_id": 1}, session=self._session)
            return [(found["tenant_id"], found["_id"]) for found in await cursor.limit(limit).to_list(None)]

    async def swept(self, contact_id: str) -> None:
        with translated():
            await self._tombstones.update_one({"_id": contact_id}, {"$unset": {"unswept": ""}}, session=self._session)
