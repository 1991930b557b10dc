"""The collection `notes`."""

from collections.abc import AsyncIterator
from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DESCENDING, IndexModel, ReturnDocument

from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.keyset import behind
from service.mongo.removal import remove_some
from service.notes.model import Note, NoteQuery

_PORTION = 100  # a note may have 64 KiB

INDEXES = [IndexModel([("tenant_id", 1), ("contact_id", 1), ("created_at", DESCENDING), ("_id", DESCENDING)])]


class MongoNotes:
    """Implements `service.notes.ports.Notes`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["notes"]
        self._session = session

    async def insert(self, note: Note) -> None:
        document = {
            "_id": note.note_id,
            "tenant_id": note.tenant_id,
            "contact_id": note.contact_id,
            "content": note.content,
            "created_by": note.created_by,
            "created_at": note.created_at,
            "updated_at": note.updated_at,
        }
        with translated():
            await self._collection.insert_one(document, session=self._session)

    async def edit(self, tenant_id: str, contact_id: str, note_id: str, content: str, now: datetime) -> Note | None:
        with translated():
            found = await self._collection.find_one_and_update(
                _key(tenant_id, contact_id, note_id),
                {"$set": {"content": content, "updated_at": now}},
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        return _note_of(found) if found else None

    async def remove(self, tenant_id: str, contact_id: str, note_id: str) -> Note | None:
        with translated():
            found = await self._collection.find_one_and_delete(
                _key(tenant_id, contact_id, note_id), session=self._session
            )
        return _note_of(found) if found else None

    async def remove_some(self, tenant_id: str, contact_id: str, limit: int) -> int:
        return await remove_some(self._collection, {"tenant_id": tenant_id, "contact_id": contact_id}, limit)

    async def newest(self, query: NoteQuery) -> AsyncIterator[list[Note]]:
        criteria: Document = {"tenant_id": query.tenant_id, "contact_id": query.contact_id}
        if query.behind is not None:
            criteria |= behind("created_at", query.behind, newest_first=True)
        with translated():
            cursor = self._collection.find(criteria, session=self._session, batch_size=_PORTION)
            cursor = cursor.sort([("created_at", DESCENDING), ("_id", DESCENDING)])
            if query.limit is not None:
                cursor = cursor.limit(query.limit)
            while portion := await cursor.to_list(_PORTION):
                yield [_note_of(document) for document in portion]


def _key(tenant_id: str, contact_id: str, note_id: str) -> Document:
    return {"_id": note_id, "tenant_id": tenant_id, "contact_id": contact_id}


def _note_of(document: Document) -> Note:
    return Note(
        note_id=document["_id"],
        tenant_id=document["tenant_id"],
        contact_id=document["contact_id"],
        content=document["content"],
        created_by=document["created_by"],
        created_at=document["created_at"],
        updated_at=document["updated_at"],
    )
