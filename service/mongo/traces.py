"""What is stored of one input, read for an operator."""

from collections.abc import Sequence

from bson import MaxKey
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

from schemas.events import Source
from service.conversations.incoming import MessageKey
from service.conversations.join import MessageRecord, persons_of
from service.conversations.rows import row_id
from service.identity.model import Identity
from service.mongo.conversation_documents import message_key
from service.mongo.documents import Document, event_of, identity_key, identity_of
from service.mongo.errors import translated
from service.mongo.limits import in_time
from service.mongo.message_documents import record_of
from service.mongo.messages import HEADERS
from service.mongo.source_threads import MongoSourceThreads
from service.timeline.model import TimelineEvent
from service.trace.model import MessageTrace, Ownership

_AT_MOST = 100
_SECONDS = 8
"""A search may take; the driver waits 10 for an answer."""


class MongoTraces:
    """Implements `service.trace.ports.Traces`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._events = database["events"]
        self._identities = database["identities"]
        self._messages = database["messages"]
        self._rows = database["conversation_rows"]
        self._source_threads = MongoSourceThreads(database, None)

    async def event(self, event_id: str) -> TimelineEvent | None:
        with translated():
            found = await self._events.find_one({"_id": event_id}, {"data": 0})
        return event_of(found) if found else None

    async def owners(self, identities: Sequence[Identity]) -> list[Ownership]:
        keys = [identity_key(identity) for identity in identities]
        with translated():
            found = await self._identities.find({"_id": {"$in": keys}}).to_list(None)
        return [Ownership(identity_of(one["_id"]), one["contact_id"], one["associated_at"]) for one in found]

    async def messages(self, tenant_id: str, told: str, account: str | None) -> list[MessageTrace]:
        conversation = {"tenant_id": tenant_id, "source": Source.INTERCOM.value, "account": told}
        # An id is compared field by field, so that its beginning is a range of the index.
        either: list[Document] = [{"_id": {"$gte": conversation, "$lt": conversation | {"message_id": MaxKey()}}}]
        if account is not None:
            keys = [MessageKey(tenant_id, source, account, told) for source in (Source.GMAIL, Source.INTERCOM)]
            either.append({"_id": {"$in": [message_key(key) for key in keys]}})
        else:
            tenant = {"tenant_id": tenant_id}
            either.append({"_id": {"$gte": tenant, "$lt": tenant | {"source": MaxKey()}}, "_id.message_id": told})
        found = [record_of(one) for criteria in either for one in await self._find(self._messages, criteria, HEADERS)]
        return [await self._traced(record) for record in found]

    async def _traced(self, record: MessageRecord) -> MessageTrace:
        """A message's rows are found by their ids, which follow from whose it is."""
        ids = [row_id(record, address) for address in record.addresses | await self._addresses_in(record)]
        rows = await self._find(self._rows, {"_id": {"$in": ids}}, {"contact_id": 1, "shown": 1})
        state = record.state
        return MessageTrace(
            record.key.source,
            record.key.account,
            record.key.message_id,
            record.content.message.sent_at if record.content else None,
            "deleted" if record.deleted else str(state.hidden) if state and state.hidden else None,
            tuple(row.get("contact_id") for row in rows),
            any(row["shown"] and "contact_id" in row for row in rows),
        )

    async def _addresses_in(self, record: MessageRecord) -> frozenset[str]:
        """Of the persons that the conversation belongs to."""
        if record.thread is None or record.key.source is not Source.INTERCOM:
            return frozenset()
        threads = await self._source_threads.get([record.thread])
        persons = await self._source_threads.persons([key for thread in threads for key in persons_of(thread)])
        return frozenset().union(*persons.values())

    async def _find(
        self, collection: AsyncIOMotorCollection[Document], criteria: Document, wanted: Document
    ) -> list[Document]:
        with in_time():
            cursor = collection.find(criteria, wanted, max_time_ms=_SECONDS * 1000).limit(_AT_MOST)
            return await cursor.to_list(None)
