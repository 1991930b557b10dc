"""The collection `conversation_threads`, written: threads as contacts see them."""

from collections.abc import Sequence, Set

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, ReplaceOne

from service.conversations.model import Thread
from service.mongo.conversation_documents import thread_document, thread_id
from service.mongo.documents import Document
from service.mongo.errors import translated


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
        if writes:
            with translated():
                await self._collection.bulk_write(writes, ordered=False, session=self._session)
