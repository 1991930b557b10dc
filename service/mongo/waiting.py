"""Reading what waits to be published: the outbox's records, and the events that `contacts.timeline` was not told of."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo.read_concern import ReadConcern

from schemas.topics import MAX_RECORD_BYTES
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.outbox.model import SHARDS, OutboxRecord

_COUNTED_AT_MOST = 100_000

Order = Sequence[tuple[str, int]]


class WaitingRecords:
    """Implements the reading half of `service.outbox.ports.Queue`."""

    def __init__(
        self,
        collection: AsyncIOMotorCollection[Document],
        of_shard: Callable[[int], Document],
        order: Order,
        record_of: Callable[[Document], OutboxRecord],
        *,
        index: str | None = None,
        session: AsyncIOMotorClientSession | None = None,
    ) -> None:
        """`of_shard` finds what waits, `order` begins with the time since when; no index but `index` may serve them."""
        self._collection = collection
        # A scan that yields may meet a contact's second record and have passed the place of its first, committed
        # meanwhile. A snapshot is one point in time (and majority-committed).
        self._snapshot = collection.with_options(read_concern=ReadConcern("snapshot"))
        self._of_shard = of_shard
        self._order = list(order)
        self._record_of = record_of
        self._hint: dict[str, Any] = {"hint": index} if index else {}
        self._session = session

    async def unpublished(self, shard: int, limit: int) -> list[OutboxRecord]:
        """The shard's oldest, in order: as many as `limit`, or fewer once they weigh MAX_RECORD_BYTES together."""
        records: list[OutboxRecord] = []
        weight = 0
        options = {"sort": self._order, "limit": limit, "batch_size": limit, "session": self._session, **self._hint}
        with translated():
            cursor = self._snapshot.find(self._of_shard(shard), **options)
            # No close in a finally: with MongoDB stopped it would wait, and hold up whoever cancelled this.
            async for document in cursor:
                records.append(self._record_of(document))
                weight += len(records[-1].value)
                if weight >= MAX_RECORD_BYTES:
                    await cursor.close()
                    break
        return records

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        """See Queue.backlog."""
        found = await asyncio.gather(*(self._backlog_of(shard) for shard in range(SHARDS)))
        return {shard: waiting for shard, waiting in enumerate(found) if waiting is not None}

    async def _backlog_of(self, shard: int) -> tuple[int, datetime] | None:
        query, (since, _) = self._of_shard(shard), self._order[0]
        with translated():
            oldest = await self._collection.find_one(query, {since: 1}, sort=self._order, **self._hint)
            if oldest is None:
                return None
            count = await self._collection.count_documents(query, limit=_COUNTED_AT_MOST, **self._hint)
        at = oldest[since]
        return max(count, 1), at.as_datetime() if isinstance(at, Timestamp) else at
