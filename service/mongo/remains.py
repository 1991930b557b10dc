"""What is stored of a person, as only an erasure looks for it. Everything here may be done again without harm."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from bson import MaxKey, MinKey
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, UpdateOne

from schemas.changes import ChangeType
from service.erasure.model import Subject
from service.erasure.ports import KnownBy
from service.identity.model import Identity, IdentityKind
from service.mongo.bulk_writes import write_all
from service.mongo.documents import Document, event_of, identity_in, identity_of, identity_text
from service.mongo.errors import translated
from service.mongo.outbox import record_of
from service.mongo.removal import remove_some
from service.mongo.stretches import Place, index_of, stretches
from service.outbox.model import OutboxRecord

_PORTION = 500
_LINKED = ChangeType.CONTACT_IDENTITY_LINKED.in_timeline
_BLANK = b'{"status":"success"}'


class MongoRemains:
    """Implements `service.erasure.ports.Remains`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._database = database
        self._events = database["events"]
        self._outbox = database["outbox"]
        self._answers = database["answers"]
        self._session = session

    async def registered(self, tenant_id: str, contact_id: str) -> list[Identity]:
        criteria = {"_id.tenant_id": tenant_id, "contact_id": contact_id}
        with translated():
            found = await self._database["identities"].find(criteria, {"_id": 1}, session=self._session).to_list(None)
        return [identity_of(document["_id"]) for document in found]

    async def deleted(self, tenant_id: str, contact_ids: Sequence[str]) -> set[str]:
        criteria = {"_id": {"$in": list(contact_ids)}, "tenant_id": tenant_id}
        with translated():
            found = await self._database["tombstones"].find(criteria, {"_id": 1}, session=self._session).to_list(None)
        return {document["_id"] for document in found}

    async def carried(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[Identity]]:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        wanted = {"identities": 1, "event": 1, "source": 1, "data.kind": 1, "data.value": 1}
        with translated():
            cursor = self._events.find(criteria, wanted, session=self._session, batch_size=_PORTION)
            while portion := await cursor.to_list(_PORTION):
                found = {one: None for document in portion for one in _identities_in(tenant_id, document)}
                yield list(found)

    async def remove_events(self, tenant_id: str, contact_id: str, kept: str | None, limit: int) -> int:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id, "_id": {"$ne": kept}}
        return await remove_some(self._events, criteria, limit)

    async def known_by(self, identities: Sequence[Identity]) -> AsyncIterator[list[KnownBy]]:
        if not identities:
            return
        # No index has the identities of what is somebody's: an erasure is rare, and events are not.
        known = {"identities": {"$in": [identity_text(one) for one in identities]}}
        first, last = (_place(identities[0].tenant_id, key(), key()) for key in (MinKey, MaxKey))
        async for begin, end in stretches(self._events, first, last, self._session):
            with translated():
                cursor = self._events.find(known, {"data": 0, "context": 0}, session=self._session, batch_size=_PORTION)
                cursor.hint(index_of(begin)).min(begin).max(end)
                while portion := await cursor.to_list(_PORTION):
                    events = [event_of(document) for document in portion]
                    yield [KnownBy(one.event_id, one.contact_id, one.identities) for one in events]

    async def remove_known(self, tenant_id: str, events: Sequence[tuple[str, str | None]]) -> None:
        # A criterion of null finds the field missing.
        gone = [DeleteOne({"_id": one, "tenant_id": tenant_id, "contact_id": whose}) for one, whose in events]
        await write_all(self._events, gone, self._session)

    async def withhold(self, tenant_id: str, event_ids: Sequence[str], identities: Sequence[Identity]) -> None:
        criteria = {"_id": {"$in": list(event_ids)}, "tenant_id": tenant_id}
        visitors = [one.value for one in identities if one.kind is IdentityKind.VISITOR]
        texts = [identity_text(one) for one in identities]
        with translated():
            await self._events.update_many(criteria, {"$pull": {"identities": {"$in": texts}}}, session=self._session)
            await self._events.update_many(
                criteria | {"visitor_id": {"$in": visitors}}, {"$unset": {"visitor_id": ""}}, session=self._session
            )

    async def remove_actions(self, tenant_id: str, contact_id: str, limit: int) -> int:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        return await remove_some(self._database["actions"], criteria, limit)

    async def blank_answers(self, subject: Subject) -> int:
        bodies = [one.encode() for one in (*subject.contact_ids, *subject.addresses)]
        with translated():
            keys = await self._database["api_keys"].find({"tenant_id": subject.tenant_id}, {"_id": 1}).to_list(None)
            blanked = 0
            for key in keys:
                mine = {"_id": {"$gte": {"key_id": key["_id"]}, "$lt": {"key_id": key["_id"], "route": MaxKey()}}}
                async for answer in self._answers.find(mine, session=self._session):
                    if any(one in answer["_id"]["key"].lower() for one in subject.addresses):
                        await self._answers.delete_one({"_id": answer["_id"]}, session=self._session)
                        blanked += 1
                    elif any(one in bytes(answer["body"]) for one in bodies):
                        blank = {"$set": {"body": _BLANK, "headers": {}}}
                        await self._answers.update_one({"_id": answer["_id"]}, blank, session=self._session)
                        blanked += 1
        return blanked

    async def published(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[OutboxRecord]]:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        with translated():
            cursor = self._outbox.find(criteria, session=self._session, batch_size=_PORTION)
            while portion := await cursor.to_list(_PORTION):
                yield [record_of(document) for document in portion]

    async def replace_records(self, records: Sequence[OutboxRecord]) -> None:
        writes = [
            UpdateOne(
                {"_id": one.record_id, "tenant_id": one.tenant_id},
                {"$set": {"value": one.value, "headers": [list(header) for header in one.headers]}},
            )
            for one in records
        ]
        await write_all(self._outbox, writes, self._session)

    async def count(self, subject: Subject) -> dict[str, int]:
        mine = {"tenant_id": subject.tenant_id, "contact_id": {"$in": list(subject.contact_ids)}}
        awaiting = {"tenant_id": subject.tenant_id, "awaiting": {"$in": [identity_text(x) for x in subject.identities]}}
        counts: dict[str, int] = {}
        with translated():
            for name, collection in (("events", "events"), ("messages", "conversation_rows")):
                found = [await self._database[collection].count_documents(one) for one in (mine, awaiting)]
                counts[name] = sum(found)
            for name, collection in (("notes", "notes"), ("actions", "actions"), ("outbox_records", "outbox")):
                counts[name] = await self._database[collection].count_documents(mine)
        return counts


def _place(tenant_id: str, received_at: Any, event_id: Any) -> Place:
    """In the index of a tenant's events in the order of their arrival."""
    return [("tenant_id", tenant_id), ("received_at", received_at), ("_id", event_id)]


def _identities_in(tenant_id: str, document: Document) -> list[Identity]:
    """Of an event: those that it carries, and the one that it tells of."""
    texts = list(document.get("identities", ()))
    told = document.get("data", {})
    if document["source"] == "crm" and document["event"] == _LINKED:
        texts.append(f"{told['kind']}:{told['value']}")
    return [identity_in(tenant_id, text) for text in texts]
