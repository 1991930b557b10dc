"""The collection `outbox`: records that wait to be published, and, for a while, those that were."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel

from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.waiting import WaitingRecords
from service.outbox.model import OutboxRecord

_UNPUBLISHED = {"published_at": None}
_ORDER = [("committed_at", 1), ("sequence", 1)]
_WAKE: list[Document] = [{"$match": {"operationType": "insert"}}, {"$project": {"fullDocument.shard": 1}}]
_WAKE_WAIT_MS = 1_000


def indexes(retention_seconds: int) -> list[IndexModel]:
    """The indexes; published records go after `retention_seconds`. A waiting record never does: it has no date."""
    return [
        IndexModel([("shard", 1), *_ORDER], name="waiting", partialFilterExpression=_UNPUBLISHED),
        IndexModel([("published_at", 1)], name="retention", expireAfterSeconds=retention_seconds),
        IndexModel([("tenant_id", 1), ("contact_id", 1), ("sequence", 1)], name="by_contact"),
    ]


class MongoOutbox(WaitingRecords):
    """Implements `service.outbox.ports.Outbox`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._outbox = database["outbox"]
        super().__init__(self._outbox, _waiting, _ORDER, record_of, session=session)

    async def append(self, records: Sequence[OutboxRecord]) -> None:
        with translated():
            await self._outbox.insert_many([_document(record) for record in records], session=self._session)

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        with translated():
            await self._outbox.update_many(
                {"_id": {"$in": list(record_ids)}, **_UNPUBLISHED},
                {"$currentDate": {"published_at": True}},
                session=self._session,
            )

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[int]]:
        """See `service.outbox.ports.Outbox.watch`. Ends with StoreUnavailableError when the stream breaks."""
        with translated():
            async with self._outbox.watch(_WAKE, max_await_time_ms=_WAKE_WAIT_MS) as stream:
                yield _shards(stream)


def _waiting(shard: int) -> Document:
    return {"shard": shard, **_UNPUBLISHED}


async def _shards(stream: AsyncIterable[Document]) -> AsyncIterator[int]:
    with translated():
        async for change in stream:
            yield int(change["fullDocument"]["shard"])


def _document(record: OutboxRecord) -> Document:
    return {
        "_id": record.record_id,
        "tenant_id": record.tenant_id,
        "contact_id": record.contact_id,
        "shard": record.shard,
        "sequence": record.sequence,
        "topic": record.topic,
        "value": record.value,
        "headers": [list(header) for header in record.headers],
        "committed_at": record.committed_at,
        "published_at": None,
    }


def record_of(document: Document) -> OutboxRecord:
    """A record from its stored form."""
    return OutboxRecord(
        record_id=document["_id"],
        tenant_id=document["tenant_id"],
        contact_id=document["contact_id"],
        sequence=document["sequence"],
        topic=document["topic"],
        value=bytes(document["value"]),
        headers=tuple((key, value) for key, value in document["headers"]),
        committed_at=document["committed_at"],
    )
