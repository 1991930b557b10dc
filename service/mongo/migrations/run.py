"""Bringing a database to the latest version."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from service.errors import StoreError
from service.mongo.migrations.all import MIGRATIONS
from service.mongo.migrations.model import Migration, Told
from service.mongo.migrations.record import HOLD_SECONDS, MigrationRecords
from service.mongo.server import server_time
from service.mongo.store import MongoStore

_LOOK_SECONDS = 0.5

_log = structlog.get_logger(__name__)


async def migrate(store: MongoStore, holder: str, told: Told, *, again: bool = False) -> list[Migration]:
    """Do what is not done, or `again` everything, in order; what was done here. Who comes second waits for the first,
    and goes on where that one was killed. Raises StoreError's kinds."""
    records = MigrationRecords(store.database)
    since = await server_time(store.database) if again else None
    return [one for one in MIGRATIONS if await _done_here(store, records, one, holder, told, since)]


async def _done_here(
    store: MongoStore, records: MigrationRecords, one: Migration, holder: str, told: Told, since: datetime | None
) -> bool:
    waiting = False
    while not await records.is_done(one, since):
        if await records.claim(one, holder, since):
            async with _held(records, one, holder):
                _log.info("migration_begun", version=one.version, migration=one.name)
                await one.run(store, lambda line: told(f"Migration {one.version} ({one.name}): {line}."))
            await records.finish(one, holder)
            _log.info("migration_done", version=one.version, migration=one.name)
            return True
        if not waiting:
            told(f"Migration {one.version} ({one.name}): another init is at it; waiting.")
            waiting = True
        await asyncio.sleep(_LOOK_SECONDS)
    return False


@asynccontextmanager
async def _held(records: MigrationRecords, one: Migration, holder: str) -> AsyncIterator[None]:
    """Others keep away meanwhile."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(HOLD_SECONDS / 5)
            # Where MongoDB is away, the migration itself finds out.
            with contextlib.suppress(StoreError):
                await records.hold(one, holder)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.wait([renewing])
