"""The collection `api_keys`."""

from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel

from service.access.model import ApiKey
from service.mongo.documents import Document, api_key_document, api_key_of
from service.mongo.errors import translated

INDEXES = [
    IndexModel([("tenant_id", 1), ("created_at", 1)]),
    # A browser asks for an origin before it tells the key. Only publishable keys are in it.
    IndexModel([("origins", 1)], partialFilterExpression={"origins": {"$exists": True}}),
]


class MongoApiKeys:
    """Implements `service.access.ports.ApiKeys`. A key is found by its id alone: it is what tells the tenant."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._collection = database["api_keys"]

    async def insert(self, key: ApiKey) -> None:
        with translated():
            await self._collection.insert_one(api_key_document(key))

    async def get(self, key_id: str) -> ApiKey | None:
        with translated():
            found = await self._collection.find_one({"_id": key_id})
        return api_key_of(found) if found else None

    async def of_tenant(self, tenant_id: str | None) -> list[ApiKey]:
        with translated():
            cursor = self._collection.find({} if tenant_id is None else {"tenant_id": tenant_id})
            return [api_key_of(item) for item in await cursor.sort("created_at", 1).to_list(None)]

    async def serves_origin(self, origin: str) -> bool:
        with translated():
            return bool(await self._collection.find_one({"origins": origin, "revoked_at": None}, {"_id": 1}))

    async def revoke(self, key_id: str, now: datetime) -> bool:
        with translated():
            # The first revocation's time stays.
            result = await self._collection.update_one({"_id": key_id}, [{"$set": {"revoked_at": _first(now)}}])
        return result.matched_count == 1


def _first(now: datetime) -> Document:
    return {"$ifNull": ["$revoked_at", now]}
