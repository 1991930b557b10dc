"""The collection `ledger`: `_id` is (topic, partition, tenant); `first_offset`, `next_offset`, a count an outcome."""

from collections.abc import Iterable, Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, UpdateOne

from service.errors import ContendedError, DuplicateKeyError
from service.ledger.model import Outcome, Receipt, Row, RowKey, additions, by_row
from service.mongo.bulk_writes import write_all
from service.mongo.documents import Document
from service.mongo.errors import TransientTransactionError, translated

INDEXES = [IndexModel([("_id.tenant_id", 1), ("_id.topic", 1)])]
"""Of counts that change none: a row enters it once."""


class MongoLedger:
    """Implements `service.ledger.ports.Ledger`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["ledger"]
        self._session = session

    async def count(self, outcomes: Sequence[tuple[Receipt, Outcome]]) -> None:
        """See the port: one read and one write, whatever the number of records."""
        if not outcomes:
            return
        rows = by_row(outcomes)
        writes = [_addition(row) for row in additions(rows, await self._next_offsets(rows))]
        try:
            await write_all(self._collection, writes, self._session)
        except DuplicateKeyError as error:
            # Another process made a row after our snapshot was taken, which is a conflict like any other.
            raise TransientTransactionError(ContendedError()) from error

    async def rows(self, tenant_id: str | None = None, topic: str | None = None) -> list[Row]:
        asked = {"_id.tenant_id": tenant_id, "_id.topic": topic}
        criteria = {name: value for name, value in asked.items() if value is not None}
        with translated():
            found = await self._collection.find(criteria, session=self._session).to_list(None)
        return sorted(map(_row_of, found), key=lambda row: (row.key.topic, row.key.tenant_id or "", row.key.partition))

    async def _next_offsets(self, keys: Iterable[RowKey]) -> dict[RowKey, int]:
        wanted = {"_id": {"$in": [_id_of(key) for key in keys]}}
        with translated():
            cursor = self._collection.find(wanted, {"next_offset": 1}, session=self._session)
            found = await cursor.to_list(None)
        return {_key_of(document): document["next_offset"] for document in found}


def _addition(row: Row) -> UpdateOne:
    counts = {str(outcome): count for outcome, count in row.counts.items()}
    offsets: Document = {"$min": {"first_offset": row.first_offset}, "$set": {"next_offset": row.next_offset}}
    return UpdateOne({"_id": _id_of(row.key)}, {"$inc": counts, **offsets}, upsert=True)


def _id_of(key: RowKey) -> Document:
    """The order of the fields is part of the key."""
    return {"topic": key.topic, "partition": key.partition, "tenant_id": key.tenant_id}


def _key_of(document: Document) -> RowKey:
    return RowKey(**document["_id"])


def _row_of(document: Document) -> Row:
    # A row from before there was an outcome has no count of it.
    counts = {outcome: int(document.get(str(outcome), 0)) for outcome in Outcome}
    return Row(_key_of(document), int(document["first_offset"]), int(document["next_offset"]), counts)
