"""The collections `source_threads` (conversations that belong to persons whole) and `source_persons`."""

from collections.abc import Iterable, Mapping, Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, UpdateOne

from service.conversations.incoming import PersonKey
from service.conversations.join import SourceThread
from service.conversations.model import ThreadKey
from service.mongo.bulk_writes import write_all
from service.mongo.conversation_documents import person_key, person_of, thread_key_document, thread_key_of
from service.mongo.documents import Document
from service.mongo.errors import translated

INDEXES = [IndexModel([("tenant_id", 1), ("source", 1), ("persons", 1)])]
"""Of `source_threads`."""


class MongoSourceThreads:
    """Implements `service.conversations.ports.SourceThreads`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._threads = database["source_threads"]
        self._persons = database["source_persons"]
        self._session = session

    async def get(self, keys: Iterable[ThreadKey]) -> list[SourceThread]:
        return await self._find({"_id": {"$in": [key.conversation_id for key in keys]}})

    async def of_persons(self, persons: Iterable[PersonKey]) -> list[SourceThread]:
        found: list[SourceThread] = []
        for tenant_id, source in {(one.tenant_id, one.source) for one in persons}:
            ids = [one.person_id for one in persons if (one.tenant_id, one.source) == (tenant_id, source)]
            found += await self._find({"tenant_id": tenant_id, "source": source.value, "persons": {"$in": ids}})
        return found

    async def write(self, threads: Sequence[SourceThread]) -> None:
        writes = [
            UpdateOne(
                {"_id": thread.key.conversation_id},
                {
                    "$set": {
                        **thread_key_document(thread.key),
                        "version": thread.version,
                        "state": thread.state,
                        "persons": sorted(thread.persons),
                        "deleted": thread.deleted,
                    },
                    "$inc": {"touched": 1},
                },
                upsert=True,
            )
            for thread in threads
        ]
        await write_all(self._threads, writes, self._session)

    async def persons(self, keys: Iterable[PersonKey]) -> dict[PersonKey, frozenset[str]]:
        wanted = [person_key(key) for key in keys]
        if not wanted:
            return {}
        with translated():
            found = await self._persons.find({"_id": {"$in": wanted}}, session=self._session).to_list(None)
        return {person_of(document["_id"]): frozenset(document["emails"]) for document in found}

    async def write_persons(self, persons: Mapping[PersonKey, frozenset[str]]) -> None:
        writes = [
            UpdateOne(
                {"_id": person_key(key)},
                {"$addToSet": {"emails": {"$each": sorted(emails)}}, "$inc": {"touched": 1}},
                upsert=True,
            )
            for key, emails in persons.items()
        ]
        await write_all(self._persons, writes, self._session)

    async def _find(self, criteria: Document) -> list[SourceThread]:
        with translated():
            found = await self._threads.find(criteria, session=self._session).to_list(None)
        return [
            SourceThread(
                thread_key_of(document),
                document["version"],
                document["state"],
                frozenset(document["persons"]),
                document["deleted"],
            )
            for document in found
        ]
