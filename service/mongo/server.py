"""Whether the server is one that this service can live on: asked before anything is read or made."""

from motor.motor_asyncio import AsyncIOMotorDatabase

from service.errors import SetupError
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.refusals import server_fault


async def check_server(database: AsyncIOMotorDatabase[Document]) -> None:
    """Raises SetupError with what to do, StoreRefusedError, StoreUnavailableError."""
    with translated():
        hello = await database.command("hello")
        built = await database.command("buildInfo")
    fault = server_fault(hello, str(built["version"]))
    if fault is not None:
        raise SetupError(fault)
