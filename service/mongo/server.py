"""What the server itself is asked: whether this service can live on it, and what time it is there."""

from datetime import UTC, datetime

from motor.motor_asyncio import AsyncIOMotorDatabase

from service.errors import SetupError
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.refusals import server_fault


async def check_server(database: AsyncIOMotorDatabase[Document]) -> None:
    """Before anything is read or made. Raises SetupError with what to do, StoreRefusedError, StoreUnavailableError."""
    with translated():
        hello = await database.command("hello")
        built = await database.command("buildInfo")
    fault = server_fault(hello, str(built["version"]))
    if fault is not None:
        raise SetupError(fault)


async def server_time(database: AsyncIOMotorDatabase[Document]) -> datetime:
    """The server's clock, in UTC. Raises StoreUnavailableError."""
    with translated():
        answer = await database.command("hello")
    now: datetime = answer["localTime"]
    return now.replace(tzinfo=UTC)
