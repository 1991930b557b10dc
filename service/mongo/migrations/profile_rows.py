"""Sessions and devices that profiles count once are in one collection: they were in one each."""

from pymongo import UpdateOne

from service.mongo.errors import translated
from service.mongo.migrations.model import Told
from service.mongo.store import MongoStore

FORMER = ("profile_sessions", "profile_devices")
_PORTION = 1_000


async def join_rows(store: MongoStore, told: Told) -> None:
    """Copies them. The former collections stay: the version before still looks into them."""
    rows, done = store.database["profile_rows"], 0
    with translated():
        for name in FORMER:
            cursor = store.database[name].find().sort("_id", 1)
            while portion := await cursor.to_list(_PORTION):
                writes = [UpdateOne({"_id": row.pop("_id")}, {"$setOnInsert": row}, upsert=True) for row in portion]
                await rows.bulk_write(writes, ordered=False)
                done += len(portion)
                told(f"{done} sessions and devices copied")
