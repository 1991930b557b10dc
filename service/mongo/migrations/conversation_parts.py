"""Rows of messages tell which part of their thread they are in (ADR 14): those stored before do not."""

from pymongo import UpdateOne

from service.conversations.parts import part_number
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.migrations.model import Told
from service.mongo.store import MongoStore

_PORTION = 1_000


async def number_parts(store: MongoStore, told: Told) -> None:
    """The version before writes rows without a number while this runs: the same again after its end finds them."""
    rows = store.database["conversation_rows"]
    done = 0
    with translated():
        cursor = rows.find({"part": {"$exists": False}}, {"message_id": 1}).sort("_id", 1)
        while portion := await cursor.to_list(_PORTION):
            await rows.bulk_write([_numbered(row) for row in portion], ordered=False)
            done += len(portion)
            told(f"{done} rows numbered")


def _numbered(row: Document) -> UpdateOne:
    return UpdateOne({"_id": row["_id"]}, {"$set": {"part": part_number(row["message_id"])}})
