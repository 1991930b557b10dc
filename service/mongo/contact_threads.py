"""The collection `conversation_threads`, written: threads as contacts see them."""

from collections.abc import AsyncIterator, Sequence, Set

from bson import MaxKey, MinKey
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, ReplaceOne

from service.conversations.model import Thread
from service.mongo.bulk_writes import write_all
from service.mongo.conversation_documents import thread_document, thread_id, thread_of
from service.mongo.documents import Document
from service.mongo.errors import translated

_PORTION = 500


class MongoContactThreads:
    """Implements `service.conversations.ports.ContactThreads`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["conversation_threads"]
        self._session = session

    async def write(self, tenant_id: str, pairs: Set[tuple[str, str]], threads: Sequence[Thread]) -> None:
        seen = {(one.contact_id, one.key.conversation_id): one for one in threads if one.shown or one.mailbox}
        writes: list[ReplaceOne[Document] | DeleteOne] = []
        for pair in sorted(pairs):
            key = {"_id": thread_id(*pair), "tenant_id": tenant_id}
            thread = seen.get(pair)
            writes.append(ReplaceOne(key, thread_document(thread), upsert=True) if thread else DeleteOne(key))
        await write_all(self._collection, writes, self._session)

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[Thread]:
        criteria = {"_id": {"$in": [thread_id(*pair) for pair in pairs]}, "tenant_id": tenant_id}
        with translated():
            found = await self._collection.find(criteria, session=self._session).to_list(None)
        return [thread_of(document) for document in found]

    async def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[str]]:
        # A range of `_id`, so it needs no other index.
        first, last = ({"contact_id": contact_id, "conversation_id": end} for end in (MinKey(), MaxKey()))
        criteria = {"_id": {"$gt": first, "$lt": last}, "tenant_id": tenant_id}
        with translated():
            cursor = self._collection.find(criteria, {"conversation_id": 1}, session=self._session, batch_size=_PORTION)
            while portion := await cursor.to_list(_PORTION):
                yield [document["conversation_id"] for document in portion]
