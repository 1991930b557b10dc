"""Events that entered a contact's timeline and that `contacts.timeline` has not been told of yet.

The mark is on the event itself, written with it, so it is there exactly if the event is, and costs no further write.
Only marked events are in the index, and the relay takes the mark off once Kafka has the event: nothing is kept of it.
"""

from collections.abc import Sequence

from bson import Timestamp
from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel

from service.mongo.documents import Document, event_of
from service.mongo.errors import translated
from service.mongo.waiting import WaitingRecords
from service.outbox.model import OutboxRecord, shard_of
from service.timeline.entries import timeline_entry

_UNTOLD = "untold"
# The time is the cluster's, not a machine's. What was linked in one step has one time, and goes by when it happened.
_ORDER = [("feed_at", 1), ("timestamp", 1)]

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


class MongoUntold(WaitingRecords):
    """Implements `service.outbox.ports.Queue`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._events = database["events"]
        # No other index may serve this: without its own it would look through all events.
        super().__init__(self._events, _waiting, _ORDER, _record_of, index=_UNTOLD)

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        marks = dict.fromkeys(("feed_shard", "feed_at", "feed_linked"), "")
        with translated():
            await self._events.update_many({"_id": {"$in": list(record_ids)}}, {"$unset": marks})


def _waiting(shard: int) -> Document:
    return {"feed_shard": shard}


def _record_of(document: Document) -> OutboxRecord:
    linked, entered_at = document.get("feed_linked", False), document["feed_at"].as_datetime()
    return timeline_entry(event_of(document), document["contact_id"], entered_at, linked_later=linked)
