"""The collections `erased_marks` (what keeps erased persons out) and `erasures` (how far each erasure is)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, ReturnDocument, UpdateOne

from schemas.events import Source
from service.conversations.incoming import PersonKey
from service.erasure.model import Erasure, Mark, Subject
from service.errors import DuplicateKeyError
from service.mongo.bulk_writes import write_all
from service.mongo.claims import claimed_at, lapsed
from service.mongo.documents import Document, identity_key, identity_of
from service.mongo.errors import translated

MARK_INDEXES = [IndexModel([("_id.tenant_id", 1), ("erasure_id", 1)])]
ERASURE_INDEXES = [
    # Only what is not done is in them. The first is the sweep's: across tenants, since it is the system's own work.
    IndexModel([("open", 1), ("_id", 1)], partialFilterExpression={"open": True}),
    IndexModel([("tenant_id", 1), ("open", 1)], partialFilterExpression={"open": True}),
]


class MongoMarks:
    """Implements `service.erasure.ports.Marks`. `before` is `$$NOW`, the server's clock."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._marks = database["erased_marks"]
        self._secret = database["erasure_secret"]
        self._session = session

    async def find(self, tenant_id: str, marks: Sequence[str]) -> dict[str, Mark]:
        wanted = {"_id": {"$in": [_mark_id(tenant_id, mark) for mark in marks]}}
        with translated():
            found = await self._marks.find(wanted, session=self._session).to_list(None)
        return {one["_id"]["mark"]: Mark(one["erasure_id"], one["before"]) for one in found}

    async def lay(self, tenant_id: str, erasure_id: str, marks: Sequence[str], now: datetime) -> None:
        laid = {"$set": {"erasure_id": erasure_id, "erased_at": now, "before": None}}
        writes = [UpdateOne({"_id": _mark_id(tenant_id, mark)}, laid, upsert=True) for mark in marks]
        await write_all(self._marks, writes, self._session)

    async def lift(self, tenant_id: str, marks: Sequence[str], erasure_ids: Sequence[str]) -> None:
        either: list[Document] = [
            {"_id": {"$in": [_mark_id(tenant_id, mark) for mark in marks]}},
            {"_id.tenant_id": tenant_id, "erasure_id": {"$in": list(erasure_ids)}},
        ]
        for criteria in either:
            await self._lift(criteria)

    async def let_go(self, tenant_id: str, erasure_id: str, marks: Sequence[str]) -> None:
        ids = [_mark_id(tenant_id, mark) for mark in marks]
        await self._lift({"_id": {"$in": ids}, "erasure_id": erasure_id})

    async def _lift(self, criteria: Document) -> None:
        lifted: list[Document] = [{"$set": {"before": "$$NOW"}}]
        with translated():
            await self._marks.update_many(criteria | {"before": None}, lifted, session=self._session)

    async def tenants(self) -> list[str]:
        with translated():
            return await self._marks.distinct("_id.tenant_id", session=self._session)

    async def fingerprint(self) -> str | None:
        with translated():
            found = await self._secret.find_one({"_id": "secret"}, session=self._session)
        return found["fingerprint"] if found else None

    async def introduce(self, fingerprint: str) -> str:
        try:
            with translated():
                await self._secret.insert_one({"_id": "secret", "fingerprint": fingerprint})
        except DuplicateKeyError:
            return await self.fingerprint() or fingerprint
        return fingerprint


class MongoErasures:
    """Implements `service.erasure.ports.Erasures`. Instants of claims are `$$NOW`, the server's clock."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["erasures"]
        self._session = session

    async def begin(self, erasure: Erasure) -> None:
        document = {
            "_id": erasure.erasure_id,
            "tenant_id": erasure.subject.tenant_id,
            "requested_at": erasure.requested_at,
            "told_by": erasure.told_by,
            "revision": erasure.revision,
            "open": True,
            **_subject_document(erasure.subject),
        }
        with translated():
            await self._collection.insert_one(document, session=self._session)

    async def get(self, tenant_id: str, erasure_id: str) -> Erasure | None:
        with translated():
            found = await self._collection.find_one({"_id": erasure_id, "tenant_id": tenant_id}, session=self._session)
        return _erasure_of(found) if found else None

    async def learn(self, tenant_id: str, erasure_id: str, more: Subject) -> None:
        added = {name: {"$each": values} for name, values in _subject_document(more).items()}
        with translated():
            await self._collection.update_one(
                {"_id": erasure_id, "tenant_id": tenant_id},
                {"$addToSet": added, "$inc": {"revision": 1}, "$set": {"open": True}, "$unset": {"done_at": ""}},
                session=self._session,
            )

    async def claim(self, tenant_id: str, erasure_id: str, run: str) -> bool:
        free = {"$or": [{"$eq": ["$run", {"$literal": run}]}, lapsed()]}
        claim: dict[str, Any] = {
            "run": {"$cond": [free, {"$literal": run}, "$run"]},
            "claimed_at": claimed_at(free),
        }
        with translated():
            found = await self._collection.find_one_and_update(
                {"_id": erasure_id, "tenant_id": tenant_id},
                [{"$set": claim}],
                return_document=ReturnDocument.AFTER,
                session=self._session,
            )
        return found is not None and bool(found["run"] == run)

    async def release(self, tenant_id: str, erasure_id: str, run: str) -> None:
        with translated():
            await self._collection.update_one(
                {"_id": erasure_id, "tenant_id": tenant_id, "run": run},
                {"$unset": {"run": "", "claimed_at": ""}},
                session=self._session,
            )

    async def finish(self, erasure: Erasure, now: datetime) -> bool:
        forgotten = dict.fromkeys((*_subject_document(erasure.subject), "run", "claimed_at"), "")
        # Contact ids tell nobody who it was, and an operator which contact it was.
        del forgotten["contact_ids"]
        criteria = {
            "_id": erasure.erasure_id,
            "tenant_id": erasure.subject.tenant_id,
            "revision": erasure.revision,
        }
        with translated():
            result = await self._collection.update_one(
                criteria, {"$set": {"done_at": now, "open": False}, "$unset": forgotten}, session=self._session
            )
        return result.matched_count == 1

    async def unfinished(self, limit: int) -> list[tuple[str, str]]:
        # One of later than now is to be dated: see `claimed_at`.
        due = {"$or": [lapsed(), {"$gt": ["$claimed_at", "$$NOW"]}]}
        with translated():
            cursor = self._collection.find({"open": True, "$expr": due}, {"tenant_id": 1}, session=self._session)
            found = await cursor.sort("_id", 1).limit(limit).to_list(None)
        return [(one["tenant_id"], one["_id"]) for one in found]

    async def under_way(self, tenant_id: str) -> list[Erasure]:
        with translated():
            cursor = self._collection.find({"tenant_id": tenant_id, "open": True}, session=self._session)
            return [_erasure_of(found) for found in await cursor.to_list(None)]


def _mark_id(tenant_id: str, mark: str) -> Document:
    """The order of the fields is part of the key."""
    return {"tenant_id": tenant_id, "mark": mark}


def _subject_document(subject: Subject) -> Document:
    return {
        "contact_ids": list(subject.contact_ids),
        "identities": [identity_key(one) for one in subject.identities],
        "persons": [{"source": one.source.value, "person_id": one.person_id} for one in subject.persons],
        "words": list(subject.words),
    }


def _erasure_of(document: Document) -> Erasure:
    get, tenant_id = document.get, document["tenant_id"]
    subject = Subject(
        tenant_id,
        tuple(get("contact_ids", ())),
        tuple(identity_of(one) for one in get("identities", ())),
        tuple(PersonKey(tenant_id, Source(one["source"]), one["person_id"]) for one in get("persons", ())),
        tuple(get("words", ())),
    )
    return Erasure(
        document["_id"], subject, document["requested_at"], document["told_by"], document["revision"], get("done_at")
    )
