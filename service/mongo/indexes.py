"""Every index, and the collections: made by `pathbound init`, again and again without harm."""

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel

from service.mongo import api_keys, contacts, events, identities, outbox, profiles
from service.mongo.documents import Document
from service.mongo.errors import translated

COLLECTIONS = ("contacts", "identities", "events", "profiles", "profile_sessions", "outbox", "api_keys")


def all_indexes(outbox_retention_seconds: int) -> dict[str, list[IndexModel]]:
    """By collection."""
    return {
        "contacts": contacts.INDEXES,
        "identities": identities.INDEXES,
        "events": events.INDEXES,
        "profile_sessions": profiles.INDEXES,
        "outbox": outbox.indexes(outbox_retention_seconds),
        "api_keys": api_keys.INDEXES,
    }


async def create_indexes(database: AsyncIOMotorDatabase[Document], outbox_retention_seconds: int) -> int:
    """Make what is missing; how many indexes there are then. Raises StoreUnavailableError."""
    count = 0
    with translated():
        for name in set(COLLECTIONS) - set(await database.list_collection_names()):
            await database.create_collection(name)
        for name, models in all_indexes(outbox_retention_seconds).items():
            count += len(await database[name].create_indexes(models))
    return count
