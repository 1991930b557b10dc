"""The collection `actions`."""

from dataclasses import asdict

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DESCENDING, IndexModel

from service.actions.model import Action, ActionQuery
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.free_json import free_json
from service.mongo.keyset import behind

NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]

INDEXES = [
    IndexModel([("tenant_id", 1), *NEWEST_FIRST]),
    IndexModel([("tenant_id", 1), ("contact_id", 1), *NEWEST_FIRST]),
]


class MongoActions:
    """Implements `service.actions.ports.Actions`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["actions"]
        self._session = session

    async def insert(self, action: Action) -> None:
        document = asdict(action)
        document["_id"] = document.pop("action_id")
        with translated():
            await self._collection.insert_one(document, session=self._session)

    async def get(self, tenant_id: str, action_id: str) -> Action | None:
        with translated():
            found = await self._collection.find_one({"_id": action_id, "tenant_id": tenant_id}, session=self._session)
        return action_of(found) if found else None

    async def newest(self, query: ActionQuery) -> list[Action]:
        criteria = _criteria(query)
        if query.behind is not None:
            criteria |= behind("created_at", query.behind, newest_first=True)
        with translated():
            cursor = self._collection.find(criteria, session=self._session).sort(NEWEST_FIRST)
            found = await cursor.skip(query.offset).limit(query.limit).to_list(None)
        return [action_of(document) for document in found]

    async def count(self, query: ActionQuery, at_most: int | None) -> int:
        with translated():
            bound = {} if at_most is None else {"limit": at_most}
            return await self._collection.count_documents(_criteria(query), session=self._session, **bound)


def _criteria(query: ActionQuery) -> Document:
    given = {"contact_id": query.contact_id, "type": query.type, "status": query.status}
    return {"tenant_id": query.tenant_id, **{name: value for name, value in given.items() if value is not None}}


def action_of(document: Document) -> Action:
    """An action from its stored form."""
    return Action(action_id=document.pop("_id"), **free_json(document))
