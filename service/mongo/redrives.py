"""The collection `redrives`: `_id` is a dead letter's position; a run's claim, and then where the letter was sent.

Instants are `$$NOW`, the server's clock: runs whose clocks differ agree on whose claim has lapsed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel, UpdateOne

from schemas.positions import Position, read_position
from service.errors import DuplicateKeyError
from service.mongo.claims import claimed_at, lapsed
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.redrive.model import Claim

INDEXES = [IndexModel([("_id.topic", 1), ("_id.partition", 1), ("_id.offset", 1)])]


class MongoRedrives:
    """Implements `service.redrive.ports.Redrives`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._collection = database["redrives"]

    async def states(self, letters: Sequence[Position]) -> dict[Position, Claim]:
        return await self._states(letters, run="")

    async def claim(self, letters: Sequence[Position], run: str) -> dict[Position, Claim]:
        if not letters:
            return {}
        writes = [UpdateOne({"_id": _id_of(letter)}, _claim(run), upsert=True) for letter in letters]
        try:
            await self._write(writes)
        except DuplicateKeyError:  # another run's first claim won the race: now there is something to update
            await self._write(writes)
        return await self._states(letters, run)

    async def sent(self, targets: Mapping[Position, Position]) -> None:
        done = {letter: {"sent_to": str(target), "sent_at": "$$NOW"} for letter, target in targets.items()}
        await self._write(
            [UpdateOne({"_id": _id_of(one)}, [{"$set": what}], upsert=True) for one, what in done.items()]
        )

    async def count(self, topic: str, first_offsets: Mapping[int, int]) -> int:
        ranges = [{"_id.partition": one, "_id.offset": {"$gte": first}} for one, first in first_offsets.items()]
        if not ranges:
            return 0
        criteria = {"_id.topic": topic, "$or": ranges, "sent_to": {"$exists": True}}
        with translated():
            return await self._collection.count_documents(criteria)

    async def target(self, letter: Position) -> Position | None:
        with translated():
            found = await self._collection.find_one({"_id": _id_of(letter)})
        return read_position(found["sent_to"]) if found and "sent_to" in found else None

    async def _write(self, writes: list[UpdateOne]) -> None:
        if writes:
            with translated():
                await self._collection.bulk_write(writes, ordered=False)

    async def _states(self, letters: Sequence[Position], run: str) -> dict[Position, Claim]:
        with translated():
            cursor = self._collection.find({"_id": {"$in": [_id_of(letter) for letter in letters]}})
            found = await cursor.to_list(None)
        return {Position(**document["_id"]): _state(document, run) for document in found}


def _id_of(letter: Position) -> Document:
    """The order of the fields is part of the key."""
    return {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset}


def _claim(run: str) -> list[dict[str, Any]]:
    """Take it if nobody has sent it, and nobody's claim is younger than a lease."""
    free = {"$and": [{"$eq": [{"$type": "$sent_to"}, "missing"]}, lapsed()]}
    claim = {"run": {"$cond": [free, {"$literal": run}, "$run"]}}
    return [{"$set": claim | {"claimed_at": claimed_at(free)}}]


def _state(document: Document, run: str) -> Claim:
    if "sent_to" in document:
        return Claim.SENT
    return Claim.OURS if document["run"] == run else Claim.HELD
