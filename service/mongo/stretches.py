"""Long walks along an index, a bounded number of keys at a time."""

from collections.abc import AsyncIterator
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorCollection

from service.mongo.documents import Document
from service.mongo.errors import translated

LOOKED_AT = 20_000
Place = list[tuple[str, Any]]
"""In an index: each of its fields, with a value."""


async def stretches(
    collection: AsyncIOMotorCollection[Document],
    first: Place,
    last: Place,
    session: AsyncIOMotorClientSession | None = None,
) -> AsyncIterator[tuple[Place, Place]]:
    """Where some of what stands from `first` to before `last` begins and ends, then others, to the last.

    For what no index has. The server gives no answer before it has found some, and we wait for it 10 s: so what one
    query looks at is bounded.
    """
    fields = [name for name, _ in first]
    wanted = {"_id": 0} | dict.fromkeys(fields, 1)
    while first != last:
        with translated():
            cursor = collection.find({}, wanted, session=session).hint(index_of(first)).min(first).max(last)
            beyond = await cursor.skip(LOOKED_AT).limit(1).to_list(1)
        end = [(name, beyond[0][name]) for name in fields] if beyond else last
        yield first, end
        first = end


def index_of(place: Place) -> list[tuple[str, int]]:
    """What a query names as its hint: the driver wants one beside `min` and `max`."""
    return [(name, 1) for name, _ in place]
