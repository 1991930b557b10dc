"""Databases of a test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.mongo.indexes import create_indexes
from service.mongo.store import MongoStore, connect, database_of, open_store
from service.settings import MongoSettings


@asynccontextmanager
async def fresh_database(settings: MongoSettings) -> AsyncIterator[None]:
    """With all indexes; dropped afterwards."""
    # Dropping waits for what a killed process left open, for as long as a transaction may live.
    client = connect(settings, patient=True)
    try:
        await create_indexes(database_of(client, settings), outbox_retention_seconds=3600)
        yield
        await client.drop_database(settings.mongo_database)
    finally:
        client.close()


@asynccontextmanager
async def fresh_store(settings: MongoSettings) -> AsyncIterator[MongoStore]:
    """A store in such a database."""
    async with fresh_database(settings), open_store(settings) as store:
        yield store
