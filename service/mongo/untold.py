"""Events that entered a contact's timeline and that `contacts.timeline` has not been told of yet.

The mark is on the event itself, written with it, so it is there exactly if the event is, and costs no further write.
Only marked events are in the index, and the relay takes the mark off once Kafka has the event: nothing is kept of it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel
from pymongo.read_concern import ReadConcern

from schemas.topics import MAX_RECORD_BYTES
from service.mongo.documents import Document, event_of
from service.mongo.errors import translated
from service.outbox.model import SHARDS, OutboxRecord, shard_of
from service.timeline.entries import timeline_entry

_UNTOLD = "untold"
# The time is the cluster's, not a machine's. What was linked in one step has one time, and goes by when it happened.
_ORDER = [("feed_at", 1), ("timestamp", 1)]
_COUNTED_AT_MOST = 100_000

INDEXES = [
    IndexModel([("feed_shard", 1), *_ORDER], name=_UNTOLD, partialFilterExpression={"feed_shard": {"$exists": True}})
]


def inserted_mark(contact_id: str) -> Document:
    """What a document that is inserted carries besides: the server fills in the empty time."""
    return {"feed_shard": shard_of(contact_id), "feed_at": Timestamp(0, 0)}


def linked_mark(contact_id: str) -> Document:
    """The same in the stages of an update, for events that were stored before their contact was known."""
    return {"feed_shard": shard_of(contact_id), "feed_at": "$$CLUSTER_TIME", "feed_linked": True}


def put_stages(document: Document, contact_id: str, *, linked: bool) -> list[Document]:
    """An update that replaces a document, or inserts it: what is new is marked, what was marked stays so."""
    new = {"$eq": [{"$type": "$contact_id"}, "missing"]}
    mark = {"feed_shard": {"$literal": shard_of(contact_id)}, "feed_at": "$$CLUSTER_TIME"}
    kept = {name: f"${name}" for name in ("feed_shard", "feed_at", "feed_linked")}
    marks = {"$cond": [new, {**mark, **({"feed_linked": {"$literal": True}} if linked else {})}, kept]}
    return [{"$replaceWith": {"$mergeObjects": [{"$literal": document}, marks]}}]


class MongoUntold:
    """Implements `service.outbox.ports.Queue`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._events = database["events"]
        # As in the outbox: one point in time, so that a later event of a contact is not seen without an earlier one.
        self._snapshot = self._events.with_options(read_concern=ReadConcern("snapshot"))

    async def unpublished(self, shard: int, limit: int) -> list[OutboxRecord]:
        """The shard's oldest, in order: as many as `limit`, or fewer once they weigh MAX_RECORD_BYTES together."""
        records: list[OutboxRecord] = []
        weight = 0
        with translated():
            # No other index may serve this: without its own it would look through all events.
            cursor = self._snapshot.find(
                {"feed_shard": shard}, sort=_ORDER, limit=limit, batch_size=limit, hint=_UNTOLD
            )
            async for document in cursor:
                records.append(_record_of(document))
                weight += len(records[-1].value)
                if weight >= MAX_RECORD_BYTES:
                    await cursor.close()
                    break
        return records

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        marks = dict.fromkeys(("feed_shard", "feed_at", "feed_linked"), "")
        with translated():
            await self._events.update_many({"_id": {"$in": list(record_ids)}}, {"$unset": marks})

    async def backlog(self) -> dict[int, tuple[int, datetime]]:
        found = await asyncio.gather(*(self._backlog_of(shard) for shard in range(SHARDS)))
        return {shard: waiting for shard, waiting in enumerate(found) if waiting is not None}

    async def _backlog_of(self, shard: int) -> tuple[int, datetime] | None:
        query = {"feed_shard": shard}
        with translated():
            oldest = await self._events.find_one(query, {"feed_at": 1}, sort=_ORDER, hint=_UNTOLD)
            if oldest is None:
                return None
            count = await self._events.count_documents(query, limit=_COUNTED_AT_MOST, hint=_UNTOLD)
        return max(count, 1), oldest["feed_at"].as_datetime()


def _record_of(document: Document) -> OutboxRecord:
    linked, entered_at = document.get("feed_linked", False), document["feed_at"].as_datetime()
    return timeline_entry(event_of(document), document["contact_id"], entered_at, linked_later=linked)
