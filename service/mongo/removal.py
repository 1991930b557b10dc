"""Remove many documents a bounded number at a time: a sweep must not hold the server up."""

from motor.motor_asyncio import AsyncIOMotorCollection

from service.mongo.documents import Document
from service.mongo.errors import translated


async def remove_some(collection: AsyncIOMotorCollection[Document], criteria: Document, limit: int) -> int:
    """Remove up to `limit` documents that match; how many. Raises StoreError's kinds."""
    with translated():
        found = await collection.find(criteria, {"_id": 1}).limit(limit).to_list(None)
        if found:
            await collection.delete_many({"_id": {"$in": [document["_id"] for document in found]}})
    return len(found)
