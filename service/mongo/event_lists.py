"""Lists of events, over the collection `events`: each bounded by the tenant, walking an index, and limited in time.

One filter in the default order (none, event name, contact) walks its own index, without a sort. Others walk the
order's index and look at each event, until a page is full.
"""

import re
from collections.abc import Iterator, Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel

from service.mongo.documents import Document
from service.mongo.event_portions import WEIGHED, only_portion
from service.mongo.keyset import behind
from service.mongo.limits import LIST_MS, in_time
from service.timeline.model import Portion, TimelineEvent
from service.timeline.query import EventFilter, EventPageQuery

INDEXES = [
    IndexModel([("tenant_id", 1), ("timestamp", 1), ("_id", 1)]),
    IndexModel([("tenant_id", 1), ("event", 1), ("timestamp", 1), ("_id", 1)]),
    # Events arrive in this order, so that each insertion is at the index's end.
    IndexModel([("tenant_id", 1), ("received_at", 1), ("_id", 1)]),
]

_SEARCHED = ("event", "url", "domain", "data.title", "data.subject")


class MongoEventLists:
    """Implements `service.timeline.ports.EventLists`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["events"]
        self._session = session

    async def page(self, query: EventPageQuery) -> Portion:
        with in_time():
            cursor = self._collection.aggregate(
                page_of(query), session=self._session, maxTimeMS=LIST_MS, allowDiskUse=False
            )
            return await only_portion(cursor, query.limit)

    async def count(self, asked: EventFilter, at_most: int | None) -> int:
        bounded = {} if at_most is None else {"limit": at_most}
        with in_time():
            return await self._collection.count_documents(
                criteria_of(asked), session=self._session, maxTimeMS=LIST_MS, **bounded
            )

    async def names(self, tenant_id: str) -> list[str]:
        with in_time():
            found = self._collection.aggregate(names_of(tenant_id), session=self._session, maxTimeMS=LIST_MS)
            return [document["_id"] async for document in found]

    async def newest_of_each(
        self, tenant_id: str, contact_ids: Sequence[str], limit: int
    ) -> dict[str, list[TimelineEvent]] | None:
        events: dict[str, list[TimelineEvent]] = {}
        if not contact_ids:
            return events
        with in_time():
            pipeline = newest_of_each(tenant_id, contact_ids, limit)
            cursor = self._collection.aggregate(pipeline, session=self._session, maxTimeMS=LIST_MS)
            found = await only_portion(cursor, len(contact_ids) * limit + 1)
        if found.more:
            return None
        for event in found.events:
            events.setdefault(event.contact_id or "", []).append(event)
        return events


def criteria_of(asked: EventFilter) -> Document:
    """A filter as MongoDB's. Texts to look for are escaped: nothing in them has a meaning but itself."""
    criteria: Document = {"tenant_id": asked.tenant_id}
    for name, value in (("event", asked.event), ("contact_id", asked.contact_id), ("domain", asked.domain)):
        if value is not None:
            criteria[name] = {"$eq": value}
    if asked.identified_only and asked.contact_id is None:
        criteria["contact_id"] = {"$exists": True}
    bounds = {"$gt": asked.after, "$lt": asked.before}
    if given := {operator: moment for operator, moment in bounds.items() if moment is not None}:
        criteria["timestamp"] = given
    if asked.url_contains is not None:
        criteria["url"] = _containing(asked.url_contains)
    if asked.search is not None:
        criteria["$or"] = [{name: _containing(asked.search)} for name in _SEARCHED]
    return criteria


def page_of(query: EventPageQuery) -> list[Document]:
    """A pipeline that reads a page, each event with its weight."""
    criteria, order = criteria_of(query.filter), query.order.value
    if query.behind is not None:
        criteria = {"$and": [criteria, behind(order, query.behind, newest_first=query.newest_first)]}
    direction = -1 if query.newest_first else 1
    sort = {order: direction, "_id": direction}
    return [{"$match": criteria}, {"$sort": sort}, {"$skip": query.offset}, {"$limit": query.limit}, WEIGHED]


def names_of(tenant_id: str) -> list[Document]:
    """A pipeline that reads one key of the index for each name (DISTINCT_SCAN)."""
    return [
        {"$match": {"tenant_id": tenant_id}},
        {"$sort": {"event": 1}},
        {"$group": {"_id": "$event"}},
        {"$sort": {"_id": 1}},
    ]


def newest_of_each(tenant_id: str, contact_ids: Sequence[str], limit: int) -> list[Document]:
    """One pipeline that reads the newest events of each contact from the index, one contact after the other, each event
    with its weight."""
    first, *others = _newest(tenant_id, contact_ids, limit)
    return [*first, *({"$unionWith": {"coll": "events", "pipeline": other}} for other in others), WEIGHED]


def _newest(tenant_id: str, contact_ids: Sequence[str], limit: int) -> Iterator[list[Document]]:
    for contact_id in contact_ids:
        yield [
            {"$match": {"tenant_id": tenant_id, "contact_id": contact_id}},
            {"$sort": {"timestamp": -1, "_id": -1}},
            {"$limit": limit},
        ]


def _containing(text: str) -> Document:
    return {"$regex": re.escape(text), "$options": "i"}
