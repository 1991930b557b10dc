"""Whether a process may begin to work: the server will do, and the database is at a version that it understands."""

from service.mongo.migrations.record import MigrationRecords
from service.mongo.server import check_server
from service.mongo.store import MongoStore


async def check_usable(store: MongoStore) -> None:
    """Raises SetupError with what to do, StoreRefusedError, StoreUnavailableError. `known_usable` is set else."""
    await check_server(store.database)
    await MigrationRecords(store.database).check()
    store.known_usable = True
