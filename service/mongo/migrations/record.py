"""The collection `migrations`: which ones are done, which one is under way and who is at it.

`_id` is the version. Instants are `$$NOW`, the server's clock: whoever migrates agrees on whose hold has lapsed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import ReturnDocument, UpdateOne

from service.errors import DuplicateKeyError, SetupError
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.migrations.all import MIGRATIONS
from service.mongo.migrations.model import Migration

HOLD_SECONDS = 30
"""Who does not renew a hold for so long is dead, and the next one begins anew."""

COLLECTION = "migrations"
Records = Mapping[int, Mapping[str, Any]]
"""By version."""
LATEST = len(MIGRATIONS)


class MigrationRecords:
    """What is recorded in one database."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._database = database
        self._collection = database[COLLECTION]

    async def is_done(self, migration: Migration, since: datetime | None) -> bool:
        """Whether it is done; with `since`, whether it was done after that."""
        criteria = {"_id": migration.version, "finished_at": {"$exists": True} if since is None else {"$gte": since}}
        with translated():
            return await self._collection.find_one(criteria, {"_id": 1}) is not None

    async def claim(self, migration: Migration, holder: str, since: datetime | None) -> bool:
        """Whether it is the holder's to do now: nobody who is alive has it, and it is still to be done."""
        free = {"$and": [_nobody_alive_has_it(), _still_to_be_done(since)]}
        begun = {
            "name": migration.name,
            "usable_from": migration.usable_from,
            "holder": holder,
            "held_at": "$$NOW",
            "started_at": "$$NOW",
        }
        update = [{"$set": {name: {"$cond": [free, value, f"${name}"]} for name, value in begun.items()}}]
        try:
            with translated():
                found = await self._collection.find_one_and_update(
                    {"_id": migration.version}, update, upsert=True, return_document=ReturnDocument.AFTER
                )
        except DuplicateKeyError:  # another one's first claim won the race
            return False
        return bool(found.get("holder") == holder)

    async def hold(self, migration: Migration, holder: str) -> None:
        """The holder is alive."""
        with translated():
            await self._collection.update_one(
                {"_id": migration.version, "holder": holder}, [{"$set": {"held_at": "$$NOW"}}]
            )

    async def finish(self, migration: Migration, holder: str) -> None:
        """It is done."""
        seconds = {"$divide": [{"$subtract": ["$$NOW", "$started_at"]}, 1000]}
        done: list[Document] = [{"$set": {"finished_at": "$$NOW", "seconds": seconds}}]
        done.append({"$unset": ["holder", "held_at"]})
        with translated():
            await self._collection.update_one({"_id": migration.version, "holder": holder}, done)

    async def finish_all_of_nothing(self) -> None:
        """An empty database is made at the latest version."""
        with translated():
            await self._collection.bulk_write(
                [UpdateOne({"_id": one.version}, _done_at_once(one), upsert=True) for one in MIGRATIONS]
            )

    async def check(self) -> None:
        """Raises SetupError where this program must not work on the database, StoreError's kinds."""
        records = await self._all()
        fault = too_new(records, self._database.name) or too_old(records, self._database.name)
        if fault is not None:
            raise SetupError(fault)

    async def check_not_too_new(self) -> None:
        """The same where it must not even be migrated."""
        fault = too_new(await self._all(), self._database.name)
        if fault is not None:
            raise SetupError(fault)

    async def _all(self) -> Records:
        with translated():
            return {record["_id"]: record for record in await self._collection.find().to_list(None)}


def _nobody_alive_has_it() -> Document:
    lapsed = {"$lt": ["$held_at", {"$subtract": ["$$NOW", HOLD_SECONDS * 1000]}]}
    return {"$or": [_missing("$held_at"), lapsed]}


def _still_to_be_done(since: datetime | None) -> Document:
    missing = _missing("$finished_at")
    return missing if since is None else {"$or": [missing, {"$lt": ["$finished_at", since]}]}


def _missing(field: str) -> Document:
    return {"$eq": [{"$type": field}, "missing"]}


def _done_at_once(migration: Migration) -> list[Document]:
    done = {"name": migration.name, "usable_from": migration.usable_from, "seconds": 0.0}
    return [{"$set": {**done, "started_at": "$$NOW", "finished_at": "$$NOW"}}]


def too_new(records: Records, database: str, latest: int = LATEST) -> str | None:
    """What must be mended before a program that knows migrations up to `latest` touches the database."""
    usable_from = max((record.get("usable_from", 0) for record in records.values()), default=0)
    if usable_from > latest:
        return (
            f"The database {database} was migrated to version {max(records)}, which programs before version "
            f"{usable_from} must not use, and this is version {latest}: start the newer program."
        )
    return None


def too_old(records: Records, database: str, latest: int = LATEST) -> str | None:
    """Likewise, before it works on it."""
    done = {version for version, record in records.items() if record.get("finished_at")}
    missing = [version for version in range(1, latest + 1) if version not in done]
    if missing:
        return (
            f"The database {database} is at version {missing[0] - 1}, and this program needs version {latest}: run "
            "`pathbound init` with the same settings, and then start this again."
        )
    return None
