"""The collection `imports`: `_id` is (tenant, digest of the file and of how it is read); how far the import is."""

from dataclasses import asdict

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from service.errors import DuplicateKeyError, ImportMovedError
from service.imports.model import ImportKey, ImportProgress, RowFault
from service.mongo.documents import Document
from service.mongo.errors import translated


class MongoImports:
    """Implements `service.imports.ports.Imports`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["imports"]
        self._session = session

    async def load(self, key: ImportKey) -> ImportProgress | None:
        with translated():
            found = await self._collection.find_one({"_id": key._asdict()}, {"_id": 0}, session=self._session)
        if found is None:
            return None
        faults = tuple(RowFault(one["line"], tuple(one["reasons"])) for one in found.pop("faults"))
        return ImportProgress(**found, faults=faults)

    async def advance(self, key: ImportKey, behind: int, progress: ImportProgress) -> None:
        document = asdict(progress) | {"faults": [fault._asdict() for fault in progress.faults]}
        # At its first step there is no document: whoever finds another one with this `_id` has been overtaken.
        asked: Document = {"_id": key._asdict(), "rows": behind, "finished_at": None}
        try:
            with translated():
                done = await self._collection.replace_one(asked, document, upsert=behind == 0, session=self._session)
        except DuplicateKeyError as error:
            raise ImportMovedError from error
        if not done.matched_count and done.upserted_id is None:
            raise ImportMovedError

    async def forget(self, key: ImportKey) -> None:
        with translated():
            await self._collection.delete_one({"_id": key._asdict()}, session=self._session)
