"""The collection `messages`: what sources say of each message, and its content, once."""

from collections.abc import Iterable, Sequence, Set

from bson import MaxKey, MinKey
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import ReplaceOne, UpdateOne

from service.conversations.incoming import MessageKey
from service.conversations.join import MessageRecord
from service.conversations.model import ThreadKey
from service.mongo.bulk_writes import write_all
from service.mongo.conversation_documents import message_key
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.message_documents import record_document, record_of, state_fields

HEADERS = {"text": 0, "html": 0}
"""A projection: texts may be megabytes."""


class MongoMessages:
    """Implements `service.conversations.ports.Messages`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["messages"]
        self._session = session

    async def headers(self, keys: Iterable[MessageKey]) -> dict[MessageKey, MessageRecord]:
        wanted = [message_key(key) for key in keys]
        if not wanted:
            return {}
        with translated():
            cursor = self._collection.find({"_id": {"$in": wanted}}, HEADERS, session=self._session)
            records = [record_of(document) for document in await cursor.to_list(None)]
        return {record.key: record for record in records}

    async def of_threads(self, threads: Sequence[ThreadKey], at_most: int | None = None) -> list[MessageRecord]:
        if not threads:
            return []
        with translated():
            cursor = self._collection.find(
                {"$or": [_of_account(thread) for thread in threads]}, HEADERS, session=self._session
            )
            found = await cursor.limit(at_most or 0).to_list(None)
        return [record_of(document) for document in found]

    async def write(self, records: Sequence[MessageRecord], with_content: Set[MessageKey]) -> None:
        writes: list[ReplaceOne[Document] | UpdateOne] = []
        for record in records:
            key = {"_id": message_key(record.key)}
            if record.deleted or record.key in with_content:
                writes.append(ReplaceOne(key, record_document(record), upsert=True))
            else:
                writes.append(UpdateOne(key, {"$set": state_fields(record)}, upsert=True))
        await write_all(self._collection, writes, self._session)

    async def remove(self, keys: Sequence[MessageKey]) -> None:
        if keys:
            with translated():
                await self._collection.delete_many(
                    {"_id": {"$in": [message_key(key) for key in keys]}}, session=self._session
                )


def _of_account(thread: ThreadKey) -> Document:
    """All messages of an account, which an Intercom conversation is: a range of `_id`, so it needs no other index."""
    start = {"tenant_id": thread.tenant_id, "source": thread.source.value, "account": thread.account}
    return {"_id": {"$gt": {**start, "message_id": MinKey()}, "$lt": {**start, "message_id": MaxKey()}}}
