"""The collections `relay_leases` (`_id` = shard) and `relay_members` (`_id` = holder).

Every instant is `$$NOW`, the server's clock: relays whose clocks differ agree on who holds what. That clock itself may
be set back, or another server's be behind (after an election): what then ends later than it can is cut to its length.
"""

import asyncio
from typing import Any

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel, ReturnDocument
from pymongo.errors import DuplicateKeyError as DriverDuplicateKeyError

from service.mongo.documents import Document
from service.mongo.errors import translated

_ALIVE = {"$expr": {"$gt": ["$expires_at", "$$NOW"]}}
_FULL_LENGTH = {"$add": ["$$NOW", "$length_ms"]}
# Of an earlier release's the length is not known.
_TOO_LONG = {"length_ms": {"$exists": True}, "$expr": {"$gt": ["$expires_at", _FULL_LENGTH]}}
_CUT = [{"$set": {"expires_at": _FULL_LENGTH}}]
_FORGET_SECONDS = 3_600

MEMBER_INDEXES = [IndexModel([("expires_at", 1)], name="forgotten", expireAfterSeconds=_FORGET_SECONDS)]
"""Of `relay_members`: holders that died without a word are forgotten an hour later."""


class MongoLeases:
    """Implements `service.outbox.ports.Leases`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._leases = database["relay_leases"]
        self._members = database["relay_members"]

    async def heartbeat(self, holder: str, seconds: float) -> int:
        with translated():
            # Side by side: a round of leases has to be over in time, however far away the server is.
            await asyncio.gather(
                *(collection.update_many(_TOO_LONG, _CUT) for collection in (self._members, self._leases)),
                self._members.update_one({"_id": holder}, [{"$set": _lasting(seconds)}], upsert=True),
            )
            return await self._members.count_documents(_ALIVE)

    async def acquire(self, shard: int, holder: str, seconds: float) -> bool:
        # $expr is not allowed in an upsert's query, so the update itself decides, atomically, and tells who has it.
        mine_or_free = {
            "$or": [
                {"$eq": ["$holder", _literal(holder)]},
                {"$lte": [{"$ifNull": ["$expires_at", "$$NOW"]}, "$$NOW"]},
            ]
        }
        update = {
            "holder": {"$cond": [mine_or_free, _literal(holder), "$holder"]},
            **{name: {"$cond": [mine_or_free, value, f"${name}"]} for name, value in _lasting(seconds).items()},
        }
        with translated():
            try:
                lease = await self._leases.find_one_and_update(
                    {"_id": shard}, [{"$set": update}], upsert=True, return_document=ReturnDocument.AFTER
                )
            except DriverDuplicateKeyError:  # another's insert of the first lease won the race
                return False
        return bool(lease["holder"] == holder)

    async def release(self, shard: int, holder: str) -> None:
        with translated():
            await self._leases.delete_one({"_id": shard, "holder": holder})

    async def depart(self, holder: str) -> None:
        with translated():
            await self._members.delete_one({"_id": holder})

    async def holders(self) -> dict[int, str]:
        with translated():
            leases = await self._leases.find(_ALIVE).to_list(None)
        return {int(lease["_id"]): str(lease["holder"]) for lease in leases}


def _lasting(seconds: float) -> dict[str, Any]:
    length = round(seconds * 1000)
    return {"expires_at": {"$add": ["$$NOW", length]}, "length_ms": length}


def _literal(text: str) -> dict[str, str]:
    """A holder's name is data, even where it begins with a dollar."""
    return {"$literal": text}
