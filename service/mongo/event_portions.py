"""Events read until they are enough, by number or by weight: one may have megabytes."""

from typing import Any

from schemas.topics import MAX_RECORD_BYTES
from service.mongo.documents import Document, event_of
from service.timeline.model import Portion, TimelineEvent

WEIGHT = "_weight"
WEIGHED: Document = {"$set": {WEIGHT: {"$bsonSize": "$$ROOT"}}}
"""The last stage of what is read in portions."""


async def next_portion(cursor: Any, size: int) -> Portion:
    """The next `size` events, or fewer once they weigh MAX_RECORD_BYTES together; whether there may be more."""
    events: list[TimelineEvent] = []
    weight = 0
    async for document in cursor:
        weight += document.pop(WEIGHT)
        events.append(event_of(document))
        if len(events) == size or weight >= MAX_RECORD_BYTES:
            return Portion(events, more=True)
    return Portion(events, more=False)


async def only_portion(cursor: Any, size: int) -> Portion:
    """The same of a cursor that is not read any further."""
    found = await next_portion(cursor, size)
    if cursor.alive:
        await cursor.close()
    return found
