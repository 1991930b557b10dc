"""The collection `contacts`."""

from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DESCENDING, IndexModel, ReturnDocument

from schemas.contacts import MAX_VISITOR_IDS
from service.contacts.model import Contact
from service.mongo.documents import Document, contact_document, contact_of
from service.mongo.errors import translated

INDEXES = [IndexModel([("tenant_id", 1), ("created_at", DESCENDING), ("_id", DESCENDING)])]


class MongoContacts:
    """Implements `service.ports.Contacts`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["contacts"]
        self._session = session

    async def insert(self, contact: Contact) -> None:
        with translated():
            await self._collection.insert_one(contact_document(contact), session=self._session)

    async def get(self, tenant_id: str, contact_id: str) -> Contact | None:
        with translated():
            found = await self._collection.find_one({"_id": contact_id, "tenant_id": tenant_id}, session=self._session)
        return contact_of(found) if found else None

    async def add_visitor(self, tenant_id: str, contact_id: str, visitor_id: str, now: datetime) -> Contact | None:
        full = f"visitor_ids.{MAX_VISITOR_IDS - 1}"
        with translated():
            found = await self._collection.find_one_and_update(
                {
                    "_id": contact_id,
                    "tenant_id": tenant_id,
                    "visitor_ids": {"$ne": visitor_id},
                    full: {"$exists": False},
                },
                {
                    "$inc": {"sequence": 1, "version": 1},
                    "$push": {"visitor_ids": visitor_id},
                    "$set": {"updated_at": now},
                    "$max": {"committed_at": now},
                },
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        return contact_of(found) if found else None
