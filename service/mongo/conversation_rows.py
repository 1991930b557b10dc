"""The collection `conversation_rows`: a small document for each participant of each message."""

from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import replace

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, IndexModel, InsertOne, UpdateOne

from service.chunks import chunks
from service.conversations.model import ConversationRow
from service.conversations.rows import identity_of_row
from service.identity.model import Identity
from service.mongo.bulk_writes import write_all
from service.mongo.conversation_documents import row_document, row_of
from service.mongo.documents import Document, identity_text
from service.mongo.errors import translated

_PORTION = 500
_BOUND = {"contact_id": {"$exists": True}}

INDEXES = [
    # A contact's thread: all its rows, or the newest of those that are shown.
    IndexModel(
        [("tenant_id", 1), ("contact_id", 1), ("conversation_id", 1), ("shown", 1), ("sent_at", 1), ("message_id", 1)],
        partialFilterExpression=_BOUND,
    ),
    # One part of it.
    IndexModel(
        [("tenant_id", 1), ("contact_id", 1), ("conversation_id", 1), ("part", 1)], partialFilterExpression=_BOUND
    ),
    IndexModel([("tenant_id", 1), ("contact_id", 1), ("copy", 1)], partialFilterExpression=_BOUND),
    IndexModel([("tenant_id", 1), ("awaiting", 1)], partialFilterExpression={"awaiting": {"$exists": True}}),
    # An erasure's: where somebody took part, and everybody else there.
    IndexModel([("tenant_id", 1), ("address", 1)]),
    IndexModel([("tenant_id", 1), ("conversation_id", 1), ("message_id", 1)]),
]


class MongoRows:
    """Implements `service.conversations.ports.Rows`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["conversation_rows"]
        self._session = session

    async def get(self, row_ids: Sequence[str]) -> dict[str, ConversationRow]:
        if not row_ids:
            return {}
        return {row.row_id: row for row in await self._find({"_id": {"$in": list(row_ids)}})}

    async def write(
        self, fresh: Sequence[ConversationRow], changed: Sequence[ConversationRow], removed: Sequence[ConversationRow]
    ) -> None:
        writes: list[InsertOne[Document] | UpdateOne | DeleteOne] = [
            *(InsertOne(_stored(row)) for row in fresh),
            *(UpdateOne({"_id": row.row_id}, {"$set": _changing(row), "$inc": {"touched": 1}}) for row in changed),
            *(DeleteOne({"_id": row.row_id}) for row in removed),
        ]
        await write_all(self._collection, writes, self._session)

    async def settle(self, rows: Sequence[ConversationRow]) -> None:
        writes = [
            UpdateOne({"_id": row.row_id}, {"$set": {"shown": row.shown, "direction": row.direction.value}})
            for row in rows
        ]
        await write_all(self._collection, writes, self._session)

    async def of_copies(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        return await self._of(tenant_id, "copy", pairs)

    async def of_threads(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        return await self._of(tenant_id, "conversation_id", pairs)

    async def of_parts(self, tenant_id: str, parts: Set[tuple[str, str, int]]) -> list[ConversationRow]:
        if not parts:
            return []
        return await self._find(rows_of_parts(tenant_id, parts))

    async def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[ConversationRow]]:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        with translated():
            cursor = self._collection.find(criteria, session=self._session, batch_size=_PORTION)
            cursor = cursor.sort("conversation_id", 1)
            while portion := await cursor.to_list(_PORTION):
                yield [row_of(document) for document in portion]

    async def awaiting(self, identity: Identity, limit: int) -> list[ConversationRow]:
        criteria = {"tenant_id": identity.tenant_id, "awaiting": identity_text(identity)}
        with translated():
            found = await self._collection.find(criteria, session=self._session).limit(limit).to_list(None)
        return [row_of(document) for document in found]

    async def bind(self, rows: Sequence[ConversationRow], contact_id: str) -> list[ConversationRow]:
        with translated():
            await self._collection.update_many(
                {"_id": {"$in": [row.row_id for row in rows]}, "awaiting": {"$exists": True}},
                {"$set": {"contact_id": contact_id}, "$unset": {"awaiting": ""}},
                session=self._session,
            )
        return [replace(row, contact_id=contact_id) for row in rows]

    async def _of(self, tenant_id: str, field: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        # A branch for each: `$in` over both fields would look for every contact with every value.
        branches = [{"tenant_id": tenant_id, "contact_id": one, field: value} for one, value in sorted(pairs)]
        found: list[ConversationRow] = []
        for some in chunks(branches, _PORTION):
            found += await self._find({"$or": some})
        return found

    async def _find(self, criteria: Document) -> list[ConversationRow]:
        with translated():
            found = await self._collection.find(criteria, session=self._session).to_list(None)
        return [row_of(document) for document in found]


def rows_of_parts(tenant_id: str, parts: Set[tuple[str, str, int]]) -> Document:
    """Criteria; of each: contact, conversation, number of the part."""
    names = ("contact_id", "conversation_id", "part")
    return {"$or": [{"tenant_id": tenant_id, **dict(zip(names, part, strict=True))} for part in sorted(parts)]}


def _stored(row: ConversationRow) -> Document:
    document = row_document(row)
    return document if row.contact_id else {**document, "awaiting": identity_text(identity_of_row(row))}


def _changing(row: ConversationRow) -> Document:
    """What may change of a row once it is there: whose it is, changes by `bind` alone."""
    fixed = {"_id", "tenant_id", "source", "account", "message_id", "part", "address", "contact_id"}
    return {name: value for name, value in row_document(row).items() if name not in fixed}
