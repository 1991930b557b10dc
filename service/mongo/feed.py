"""The change feed as the database knows it: what each contact has counted, and what the outbox still has."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import MaxKey, MinKey
from motor.motor_asyncio import AsyncIOMotorCursor, AsyncIOMotorDatabase

from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.contacts.model import Contact
from service.feed.model import Counted, Kept, RebuildProgress
from service.mongo.documents import Document, contact_of
from service.mongo.errors import translated
from service.mongo.outbox import record_of
from service.mongo.server import server_time
from service.mongo.stretches import Place, stretches
from service.outbox.model import SHARDS, OutboxRecord

_BY_CONTACT = "by_contact"
_OF_TENANT = [("tenant_id", 1), ("created_at", -1), ("_id", -1)]
_BY_OWNER = [("_id.tenant_id", 1), ("contact_id", 1)]


class MongoFeedHistory:
    """Implements `service.feed.ports.FeedHistory`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._database = database
        self._outbox = database["outbox"]
        # A contact is never in both, and at no moment in neither.
        self._contacts = (("contacts", "committed_at"), ("tombstones", "deleted_at"))

    async def now(self) -> datetime:
        return await server_time(self._database)

    async def retention(self) -> timedelta:
        with translated():
            indexes = await self._outbox.index_information()
        return timedelta(seconds=indexes["retention"]["expireAfterSeconds"])

    async def counted(
        self, tenant_id: str | None, contact_ids: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, Counted]]:
        # The living first: one that is deleted in between is found among the dead, and its later count is kept.
        for name, committed_at in self._contacts:
            wanted = {"tenant_id": 1, "sequence": 1, committed_at: 1, "told_at": 1}
            async for cursor in self._cursors(name, tenant_id, contact_ids, wanted):
                with translated():
                    async for found in cursor:
                        moment = found.get("told_at", found[committed_at])
                        yield found["_id"], Counted(found["tenant_id"], found["sequence"], moment)

    async def kept(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, dict[int, Kept]]:
        query = {"tenant_id": tenant_id, "contact_id": {"$in": list(contact_ids)}, "topic": CONTACTS_CHANGES}
        wanted = {"contact_id": 1, "sequence": 1, "committed_at": 1, "published_at": 1}
        found: defaultdict[str, dict[int, Kept]] = defaultdict(dict)
        with translated():
            async for one in self._outbox.find(query, wanted, hint=_BY_CONTACT):
                found[one["contact_id"]][one["sequence"]] = Kept(one["committed_at"], one["published_at"])
        return dict(found)

    async def living(self, tenant_id: str | None) -> AsyncIterator[Contact]:
        async for cursor in self._cursors("contacts", tenant_id):
            with translated():
                async for found in cursor:
                    yield contact_of(found)

    async def unsettled(self, tenant_id: str, contact_ids: Sequence[str], cut: datetime) -> set[str]:
        query = {
            "tenant_id": tenant_id,
            "contact_id": {"$in": list(contact_ids)},
            "$or": [{"published_at": None}, {"published_at": {"$gte": cut}}],
        }
        with translated():
            return {one["contact_id"] async for one in self._outbox.find(query, {"contact_id": 1}, hint=_BY_CONTACT)}

    async def published_ids(
        self, tenant_id: str, start: datetime, end: datetime | None, cut: datetime, limit: int
    ) -> list[tuple[str, datetime]]:
        criteria = {
            "tenant_id": tenant_id,
            "topic": CONTACTS_CHANGES,
            "committed_at": {"$gte": start} | ({} if end is None else {"$lt": end}),
            # Not what is published while this reads: it might show a contact's later event and not its earlier.
            "published_at": {"$lte": cut},
        }
        earliest: list[tuple[datetime, int, str]] = []
        # No index has the times of their commits.
        first, last = (_place(tenant_id, key(), key()) for key in (MinKey, MaxKey))
        async for begin, behind in stretches(self._outbox, first, last):
            with translated():
                cursor = self._outbox.find(criteria, {"committed_at": 1, "sequence": 1}, hint=_BY_CONTACT)
                found = cursor.min(begin).max(behind)
                earliest += [(one["committed_at"], one["sequence"], one["_id"]) async for one in found]
            if len(earliest) > 2 * limit:
                earliest = sorted(earliest)[:limit]
        return [(record_id, committed_at) for committed_at, _, record_id in sorted(earliest)[:limit]]

    async def records(self, tenant_id: str, record_ids: Sequence[str]) -> list[OutboxRecord]:
        with translated():
            cursor = self._outbox.find({"_id": {"$in": list(record_ids)}, "tenant_id": tenant_id})
            found = {document["_id"]: record_of(document) async for document in cursor}
        return [found[record_id] for record_id in record_ids if record_id in found]

    async def _cursors(
        self, name: str, tenant_id: str | None, ids: Sequence[str] | None = None, wanted: Document | None = None
    ) -> AsyncIterator[AsyncIOMotorCursor[Document]]:
        """All documents of a collection, or those of the ids: one query or more."""
        collection = self._database[name]
        query: Document = {} if tenant_id is None else {"tenant_id": tenant_id}
        if ids is not None:
            yield collection.find(query | {"_id": {"$in": list(ids)}}, wanted)
        elif name == "contacts":
            # By what never changes: a walk along anything else may pass over a contact that is written meanwhile.
            yield collection.find(query, wanted, hint="_id_" if tenant_id is None else _OF_TENANT)
        else:
            # No index says whose the dead were.
            async for begin, behind in stretches(collection, [("_id", MinKey())], [("_id", MaxKey())]):
                yield collection.find(query, wanted, hint="_id_").min(begin).max(behind)


class MongoRebuilds:
    """Implements `service.feed.ports.Rebuilds`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._database = database
        self._rebuilds = database["rebuilds"]

    async def begin(self, tenant_id: str | None) -> RebuildProgress:
        with translated():
            found = await self._rebuilds.find_one({"_id": _rebuild_key(tenant_id)})
        return RebuildProgress(found["after"], found["requested"]) if found else RebuildProgress()

    async def save(self, tenant_id: str | None, progress: RebuildProgress) -> None:
        stored = {"after": progress.after, "requested": progress.requested}
        with translated():
            await self._rebuilds.replace_one({"_id": _rebuild_key(tenant_id)}, stored, upsert=True)

    async def finish(self, tenant_id: str | None) -> None:
        with translated():
            await self._rebuilds.delete_one({"_id": _rebuild_key(tenant_id)})

    async def contacts_after(self, tenant_id: str | None, contact_id: str, limit: int) -> list[tuple[str, str]]:
        if tenant_id is not None:
            return await self._of_tenant_after(tenant_id, contact_id, limit)
        with translated():
            cursor = self._database["contacts"].find(
                {"_id": {"$gt": contact_id}}, {"tenant_id": 1}, sort=[("_id", 1)], limit=limit, hint="_id_"
            )
            return [(found["tenant_id"], found["_id"]) async for found in cursor]

    async def _of_tenant_after(self, tenant_id: str, contact_id: str, limit: int) -> list[tuple[str, str]]:
        """From the registry: it has every contact's e-mail address, and an index of a tenant's contacts by id, which
        contacts have not. `limit` is of identities, and a contact may have several."""
        query = {"_id.tenant_id": tenant_id, "contact_id": {"$gt": contact_id}}
        with translated():
            cursor = self._database["identities"].find(
                query, {"_id": 0, "contact_id": 1}, sort=_BY_OWNER, limit=limit, hint=_BY_OWNER
            )
            ids = [found["contact_id"] async for found in cursor]
        return [(tenant_id, one) for one in dict.fromkeys(ids)]

    async def waiting(self, limit: int) -> int:
        query = {"shard": {"$in": list(range(SHARDS))}, "published_at": None, "topic": CONTACTS_SNAPSHOT}
        with translated():
            return await self._database["outbox"].count_documents(query, limit=limit)


def _place(tenant_id: str, contact_id: Any, sequence: Any) -> Place:
    """In the index by contact."""
    return [("tenant_id", tenant_id), ("contact_id", contact_id), ("sequence", sequence)]


def _rebuild_key(tenant_id: str | None) -> str:
    return "snapshot" if tenant_id is None else f"snapshot:{tenant_id}"
