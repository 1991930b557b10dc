"""Many writes of one transaction, in commands that each take a second or two: the driver waits 10 s for an answer."""

from collections.abc import Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from service.chunks import chunks
from service.mongo.documents import Document
from service.mongo.errors import translated

_AT_ONCE = 1_000


async def write_all(
    collection: AsyncIOMotorCollection[Document],
    writes: Sequence[InsertOne[Document] | UpdateOne | ReplaceOne[Document] | DeleteOne],
    session: AsyncIOMotorClientSession | None,
) -> None:
    """In any order. Nothing where there is nothing to write."""
    for some in chunks(writes, _AT_ONCE):
        with translated():
            await collection.bulk_write(some, ordered=False, session=session)
