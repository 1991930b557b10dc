"""The change feed as the database knows it: what each contact has counted, and what the outbox still has."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorDatabase

from schemas.topics import CONTACTS_CHANGES
from service.feed.model import Counted, Kept
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.outbox import record_of
from service.outbox.model import OutboxRecord

_BY_CONTACT = "by_contact"


class MongoFeedHistory:
    """Implements `service.feed.ports.FeedHistory`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        aware: CodecOptions[Document] = CodecOptions(tz_aware=True)
        self._database = database
        self._outbox = database.get_collection("outbox", codec_options=aware)
        # A contact is never in both, and at no moment in neither.
        self._contacts = (("contacts", "committed_at"), ("tombstones", "deleted_at"))

    async def now(self) -> datetime:
        with translated():
            answer = await self._database.command("hello")
        moment: datetime = answer["localTime"]
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    async def retention(self) -> timedelta:
        with translated():
            indexes = await self._outbox.index_information()
        return timedelta(seconds=indexes["retention"]["expireAfterSeconds"])

    async def counted(
        self, tenant_id: str | None, contact_ids: Sequence[str] | None = None
    ) -> AsyncIterator[tuple[str, Counted]]:
        query: Document = {} if tenant_id is None else {"tenant_id": tenant_id}
        if contact_ids is not None:
            query["_id"] = {"$in": list(contact_ids)}
        # The living first: one that is deleted in between is found among the dead, and its later count is kept.
        for collection, committed_at in self._contacts:
            wanted = {"tenant_id": 1, "sequence": 1, committed_at: 1}
            with translated():
                async for found in self._database[collection].find(query, wanted):
                    yield found["_id"], Counted(found["tenant_id"], found["sequence"], found[committed_at])

    async def kept(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, dict[int, Kept]]:
        query = {"tenant_id": tenant_id, "contact_id": {"$in": list(contact_ids)}, "topic": CONTACTS_CHANGES}
        wanted = {"contact_id": 1, "sequence": 1, "committed_at": 1, "published_at": 1}
        found: defaultdict[str, dict[int, Kept]] = defaultdict(dict)
        with translated():
            async for one in self._outbox.find(query, wanted, hint=_BY_CONTACT):
                found[one["contact_id"]][one["sequence"]] = Kept(one["committed_at"], one["published_at"])
        return dict(found)

    async def published_ids(
        self, tenant_id: str, start: datetime, end: datetime, cut: datetime, limit: int
    ) -> list[tuple[str, datetime]]:
        pipeline: list[dict[str, Any]] = [
            {
                "$match": {
                    "tenant_id": tenant_id,
                    "topic": CONTACTS_CHANGES,
                    "committed_at": {"$gte": start, "$lt": end},
                    # Not what is published while this reads: it might show a contact's later event and not its earlier.
                    "published_at": {"$lte": cut},
                }
            },
            {"$project": {"committed_at": 1, "sequence": 1}},
            {"$sort": {"committed_at": 1, "sequence": 1, "_id": 1}},
            {"$limit": limit},
        ]
        with translated():
            cursor = self._outbox.aggregate(pipeline, hint=_BY_CONTACT, allowDiskUse=True)
            return [(found["_id"], found["committed_at"]) async for found in cursor]

    async def records(self, tenant_id: str, record_ids: Sequence[str]) -> list[OutboxRecord]:
        with translated():
            cursor = self._outbox.find({"_id": {"$in": list(record_ids)}, "tenant_id": tenant_id})
            found = {document["_id"]: record_of(document) async for document in cursor}
        return [found[record_id] for record_id in record_ids if record_id in found]
