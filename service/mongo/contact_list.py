"""Lists of contacts; which index each of them uses is chosen in `contact_plans`."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo.errors import OperationFailure

from service.contacts.model import Contact
from service.contacts.ports import ContactPlace
from service.contacts.query import ContactFilter, ContactQuery, FoundContacts, Position
from service.errors import StoreUnavailableError
from service.mongo.contact_plans import (
    BROAD,
    Condition,
    Plan,
    conditions_of,
    count_plan,
    dates_of,
    needs_probes,
    page_plan,
    probe_of,
    sort_field,
)
from service.mongo.documents import SEEN, Document, contact_of, seen_of
from service.mongo.errors import translated
from service.mongo.executor import in_a_thread
from service.mongo.keyset import behind as place_behind
from service.mongo.limits import LIST_MS, in_time

# BadValue, of a query that is ours but for its values: the index that it is told to use is only being built.
_NO_SUCH_INDEX = 2

Probed = Sequence[tuple[int, Condition]]
Page = tuple[list[Document], list[Document]]
"""Contacts, one more than asked for if there is one; and what `seen_of` needs of the profiles of those asked for."""


class MongoContactList:
    """Implements `service.contacts.ports.ContactList`."""

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        session: AsyncIOMotorClientSession | None,
        max_ms: int = LIST_MS,
    ) -> None:
        self._collection = database["contacts"]
        self._profiles = database["profiles"]
        self._session = session
        self._max_ms = max_ms

    async def page(self, query: ContactQuery, count_to: int | None, known_total: int = 0) -> FoundContacts:
        # Where so many match together, each condition alone is broad.
        wanted = needs_probes(query) and known_total < BROAD
        probed = await self._probed(query.filter, wanted, with_dates=True, otherwise=known_total)
        if count_to is None:
            return _found(query, await self._page(query, probed), None)
        if not probed and dates_of(query.filter) is None:
            # Without a filter there is more than a page, mostly: count meanwhile.
            page, total = await asyncio.gather(self._page(query, probed), self._count(query.filter, probed, count_to))
            return _found(query, page, total)
        page = await self._page(query, probed)
        documents, _ = page
        if len(documents) <= query.limit and query.behind is None and (documents or not query.offset):
            return _found(query, page, query.offset + len(documents))
        return _found(query, page, await self._count(query.filter, probed, count_to))

    async def count(self, asked: ContactFilter) -> int:
        probed = await self._probed(asked, len(conditions_of(asked)) > 1, with_dates=False)
        return await self._count(asked, probed, None)

    async def oldest(self, tenant_id: str, behind: tuple[datetime, str] | None, limit: int) -> list[Contact]:
        criteria, sort = oldest_of(tenant_id, behind)
        with translated():
            cursor = self._collection.find(criteria, {"listing": 0}, session=self._session).sort(sort).limit(limit)
            return [contact_of(document) for document in await cursor.to_list(None)]

    async def walk(self, tenant_id: str | None, behind: ContactPlace | None, limit: int) -> list[ContactPlace]:
        criteria, sort = walk_of(tenant_id, behind)
        with translated():
            cursor = self._collection.find(criteria, {"tenant_id": 1, "created_at": 1}, session=self._session)
            found = await cursor.sort(sort).limit(limit).to_list(None)
        return [ContactPlace(one["tenant_id"], one["created_at"], one["_id"]) for one in found]

    async def _probed(self, asked: ContactFilter, wanted: bool, *, with_dates: bool, otherwise: int = 0) -> Probed:
        """The conditions, those that leave fewest first. Asks MongoDB if `wanted`; else each leaves `otherwise`."""
        conditions = conditions_of(asked)
        if not wanted:
            return [(otherwise, condition) for condition in conditions]
        dates = dates_of(asked)
        if with_dates and dates is not None:
            conditions.append(dates)
        counts = await asyncio.gather(*(self._number(probe_of(asked, condition)) for condition in conditions))
        return sorted(zip(counts, conditions, strict=True), key=lambda probed: probed[0])

    async def _count(self, asked: ContactFilter, probed: Probed, at_most: int | None) -> int:
        if len(probed) == 1 and 0 < probed[0][0] < BROAD:
            return probed[0][0]
        return await self._number(count_plan(asked, probed, at_most))

    async def _number(self, plan: Plan) -> int:
        found = await self._read(plan)
        return int(found[0]["count"]) if found else 0

    async def _page(self, query: ContactQuery, probed: Probed) -> Page:
        """In one go: a join in the server would cost it more than a second query."""
        plan, tenant_id = page_plan(query, probed), query.filter.tenant_id
        session = self._session.delegate if self._session else None

        def read() -> Page:
            found = self._collection.delegate.aggregate(plan.pipeline, session=session, **self._options(plan))
            documents = list(found)
            shown = [document["_id"] for document in documents[: query.limit]]
            whose = {"_id": {"$in": shown}, "tenant_id": tenant_id}
            return documents, list(self._profiles.delegate.find(whose, SEEN, session=session)) if shown else []

        with _limited():
            return await in_a_thread(read)

    async def _read(self, plan: Plan) -> list[Document]:
        with _limited():
            cursor = self._collection.aggregate(plan.pipeline, session=self._session, **self._options(plan))
            return await cursor.to_list(None)

    def _options(self, plan: Plan) -> dict[str, Any]:
        return {"hint": plan.hint, "maxTimeMS": self._max_ms}


@contextmanager
def _limited() -> Iterator[None]:
    """In time, and with the index that the query is told to use."""
    with in_time():
        try:
            yield
        except OperationFailure as error:
            if error.code == _NO_SUCH_INDEX:
                raise StoreUnavailableError from error
            raise


def oldest_of(tenant_id: str, behind: tuple[datetime, str] | None) -> tuple[Document, list[tuple[str, int]]]:
    """Criteria and sort of the next contacts in the order of their creation."""
    criteria: Document = {"tenant_id": tenant_id}
    if behind is not None:
        criteria = {"$and": [criteria, place_behind("created_at", behind, newest_first=False)]}
    return criteria, [("created_at", 1), ("_id", 1)]


def walk_of(tenant_id: str | None, behind: ContactPlace | None) -> tuple[Document, list[tuple[str, int]]]:
    """Criteria and sort: those of the default order's index, over one tenant or all."""
    sort = [("tenant_id", 1), ("created_at", -1), ("_id", -1)]
    mine: Document = {"tenant_id": tenant_id} if tenant_id is not None else {}
    if behind is None:
        return mine, sort
    here = {"tenant_id": behind.tenant_id}
    branches: list[Document] = [
        {**here, "created_at": behind.created_at, "_id": {"$lt": behind.contact_id}},
        {**here, "created_at": {"$lt": behind.created_at}},
    ]
    if tenant_id is None:
        branches.append({"tenant_id": {"$gt": behind.tenant_id}})
    return {"$or": branches}, sort


def _found(query: ContactQuery, page: Page, total: int | None) -> FoundContacts:
    documents, profiles = page
    kept = documents[: query.limit]
    last = _position(query, kept[-1]) if len(documents) > query.limit else None
    seen = {document["_id"]: seen_of(document) for document in profiles}
    return FoundContacts([(contact_of(document), seen.get(document["_id"])) for document in kept], last, total)


def _position(query: ContactQuery, document: Document) -> Position:
    value: Any = document
    for name in sort_field(query.order).split("."):
        value = value[name]
    return value, document["_id"]
