"""What is stored of one input, read for an operator."""

from collections import defaultdict
from collections.abc import Sequence

from bson import MaxKey
from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo.errors import ExecutionTimeout

from schemas.events import Source
from service.errors import StoreUnavailableError, TooSlowError
from service.identity.model import Identity
from service.mongo.documents import Document, event_of, identity_key, identity_of
from service.mongo.errors import translated
from service.timeline.model import TimelineEvent
from service.trace.model import MessageTrace, Ownership

Key = tuple[str, str]
"""A message's account and id."""

_AT_MOST = 100
_SECONDS = 20


class MongoTraces:
    """Implements `service.trace.ports.Traces`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._events = database["events"]
        self._identities = database["identities"]
        self._messages = database["messages"]
        self._rows = database["conversation_rows"]

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
            keys = [
                {"tenant_id": tenant_id, "source": source.value, "account": account, "message_id": told}
                for source in (Source.GMAIL, Source.INTERCOM)
            ]
            either.append({"_id": {"$in": keys}})
        else:
            tenant = {"tenant_id": tenant_id}
            either.append({"_id": {"$gte": tenant, "$lt": tenant | {"source": MaxKey()}}, "_id.message_id": told})
        found = [one for criteria in either for one in await self._find(self._messages, criteria, {"sent_at": 1})]
        contacts = await self._contacts(tenant_id, found)
        return [_message(document, contacts[_key(document["_id"])]) for document in found]

    async def _contacts(self, tenant_id: str, found: Sequence[Document]) -> defaultdict[Key, list[str | None]]:
        """Of each message's rows."""
        ids = [document["_id"]["message_id"] for document in found]
        contacts: defaultdict[Key, list[str | None]] = defaultdict(list)
        if ids:
            # No index leads from a message to its rows: nobody but an operator asks, and every row would pay for it.
            criteria = {"tenant_id": tenant_id, "message_id": {"$in": ids}}
            wanted = {"account": 1, "message_id": 1, "contact_id": 1}
            for row in await self._find(self._rows, criteria, wanted):
                contacts[_key(row)].append(row.get("contact_id"))
        return contacts

    async def _find(
        self, collection: AsyncIOMotorCollection[Document], criteria: Document, wanted: Document
    ) -> list[Document]:
        try:
            with translated():
                cursor = collection.find(criteria, wanted, max_time_ms=_SECONDS * 1000).limit(_AT_MOST)
                return await cursor.to_list(None)
        except StoreUnavailableError as error:
            if isinstance(error.__cause__, ExecutionTimeout):
                raise TooSlowError from error
            raise


def _key(document: Document) -> Key:
    return document["account"], document["message_id"]


def _message(document: Document, contacts: Sequence[str | None]) -> MessageTrace:
    key = document["_id"]
    return MessageTrace(
        Source(key["source"]), key["account"], key["message_id"], document.get("sent_at"), tuple(contacts)
    )
