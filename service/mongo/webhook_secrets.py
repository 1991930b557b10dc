"""The collection `webhook_secrets`."""

from datetime import datetime

from motor.motor_asyncio import AsyncIOMotorDatabase

from service.mongo.documents import Document
from service.mongo.errors import translated


class MongoWebhookSecrets:
    """Implements `service.intake.ports.WebhookSecrets`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._collection = database["webhook_secrets"]

    async def put(self, tenant_id: str, source: str, secret: str, now: datetime) -> None:
        document = {"secret": secret, "set_at": now}
        with translated():
            await self._collection.replace_one({"_id": _key(tenant_id, source)}, document, upsert=True)

    async def get(self, tenant_id: str, source: str) -> str | None:
        with translated():
            found = await self._collection.find_one({"_id": _key(tenant_id, source)})
        return found["secret"] if found else None

    async def remove(self, tenant_id: str, source: str) -> bool:
        with translated():
            result = await self._collection.delete_one({"_id": _key(tenant_id, source)})
        return result.deleted_count == 1

    async def tenants(self, source: str) -> list[tuple[str, datetime]]:
        with translated():
            # The system's own look over all tenants: there is one small document for each.
            cursor = self._collection.find({"_id.source": source}, {"set_at": 1}).sort("_id", 1)
            found = await cursor.to_list(None)
        return [(document["_id"]["tenant_id"], document["set_at"]) for document in found]


def _key(tenant_id: str, source: str) -> Document:
    """The order of the fields is part of the key."""
    return {"tenant_id": tenant_id, "source": source}
