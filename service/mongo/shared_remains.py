"""What is stored of a person in conversations, as only an erasure looks for it."""

from collections.abc import AsyncIterator, Sequence

from bson import MaxKey
from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from service.conversations.incoming import MessageKey, PersonKey
from service.conversations.join import MessageRecord
from service.conversations.model import ConversationRow
from service.erasure.model import Subject
from service.mongo.conversation_documents import message_key, person_key, person_of, row_of
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.message_documents import record_of
from service.mongo.stretches import stretches

_PORTION = 500


class MongoSharedRemains:
    """Implements `service.erasure.ports.SharedRemains`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._rows = database["conversation_rows"]
        self._messages = database["messages"]
        self._threads = database["source_threads"]
        self._persons = database["source_persons"]
        self._session = session

    async def persons_with(self, tenant_id: str, emails: Sequence[str]) -> list[PersonKey]:
        known: list[PersonKey] = []
        async for criteria in self._stretches(tenant_id):
            with translated():
                cursor = self._persons.find(criteria | _known_by(emails), {"_id": 1}, session=self._session)
                known += [person_of(one["_id"]) for one in await cursor.to_list(None)]
        return known

    async def _stretches(self, tenant_id: str) -> AsyncIterator[Document]:
        """Criteria for some of a tenant's persons, then for others, to the last. No index has the addresses."""
        tenant: Document = {"tenant_id": tenant_id}
        first, last = [("_id", tenant)], [("_id", tenant | {"source": MaxKey()})]
        async for begin, end in stretches(self._persons, first, last, self._session):
            yield {"_id": {"$gte": dict(begin)["_id"], "$lt": dict(end)["_id"]}}

    async def remove_persons(self, persons: Sequence[PersonKey]) -> None:
        if persons:
            gone = {"_id": {"$in": [person_key(one) for one in persons]}}
            with translated():
                await self._persons.delete_many(gone, session=self._session)

    async def forget_addresses(self, tenant_id: str, emails: Sequence[str]) -> None:
        async for criteria in self._stretches(tenant_id):
            with translated():
                await self._persons.update_many(
                    criteria | _known_by(emails),
                    {"$pull": {"emails": {"$in": list(emails)}}, "$inc": {"touched": 1}},
                    session=self._session,
                )

    async def remove_source_threads(self, tenant_id: str, conversation_ids: Sequence[str]) -> None:
        criteria = {"_id": {"$in": list(conversation_ids)}, "tenant_id": tenant_id}
        with translated():
            await self._threads.delete_many(criteria, session=self._session)

    async def leave(self, tenant_id: str, conversation_ids: Sequence[str], persons: Sequence[PersonKey]) -> None:
        gone = [one.person_id for one in persons]
        criteria = {"_id": {"$in": list(conversation_ids)}, "tenant_id": tenant_id}
        with translated():
            await self._threads.update_many(
                criteria, {"$pull": {"persons": {"$in": gone}}, "$inc": {"touched": 1}}, session=self._session
            )

    async def rows(self, subject: Subject) -> AsyncIterator[list[ConversationRow]]:
        either = [
            {"tenant_id": subject.tenant_id, "contact_id": {"$in": list(subject.contact_ids)}},
            {"tenant_id": subject.tenant_id, "address": {"$in": sorted(subject.addresses)}},
        ]
        for criteria in either:
            with translated():
                cursor = self._rows.find(criteria, session=self._session, batch_size=_PORTION)
                while portion := await cursor.to_list(_PORTION):
                    yield [row_of(document) for document in portion]

    async def rows_in(
        self, tenant_id: str, conversation_id: str, message_ids: Sequence[str] | None = None
    ) -> list[ConversationRow]:
        criteria: Document = {"tenant_id": tenant_id, "conversation_id": conversation_id}
        if message_ids is not None:
            criteria["message_id"] = {"$in": list(message_ids)}
        with translated():
            found = await self._rows.find(criteria, session=self._session).to_list(None)
        return [row_of(document) for document in found]

    async def contents(self, keys: Sequence[MessageKey]) -> list[MessageRecord]:
        wanted = {"_id": {"$in": [message_key(key) for key in keys]}}
        with translated():
            found = await self._messages.find(wanted, session=self._session).to_list(None)
        return [record_of(document) for document in found]


def _known_by(emails: Sequence[str]) -> Document:
    return {"emails": {"$in": list(emails)}}
