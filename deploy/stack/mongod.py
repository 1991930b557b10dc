"""MongoDB as a one-node replica set (transactions and change streams need one), in a child process."""

import contextlib
import os
import socket
import threading
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import StackError
from deploy.stack.ports import HOST
from deploy.stack.processes import ManagedProcess
from deploy.stack.servers import LocalServer

REPLICA_SET = "rs0"
START_DEADLINE_S = 60.0
_NOT_YET_INITIALIZED = 94
TRANSACTION_LIFETIME_S = 10  # longer than any of ours is retried
OPLOG_MB = "1024"
_HISTORY_S = 5
_STOP_GRACE_MS = 500


class Mongod(LocalServer):
    """A mongod whose data lives in `directory/mongo`."""

    def __init__(self, program: Path, version: str, directory: DataDirectory, stopping: threading.Event) -> None:
        self._program = program
        self._version = version
        self._data = directory.path / "mongo"
        super().__init__(ManagedProcess("mongod", [], log=directory.logs / "mongod.log"), directory, stopping)

    @property
    def port_names(self) -> tuple[str, ...]:
        return ("mongo",)

    @property
    def address(self) -> str:
        """The connection string."""
        return mongo_url(self.port("mongo"))

    @property
    def description(self) -> str:
        return f"mongod {self._version}, data in {self._data}"

    def launch(self) -> None:
        self.run()
        port = self.port("mongo")
        try:
            with direct_client(port) as client:
                self.process.wait_until(lambda: is_primary(client, port), START_DEADLINE_S, self.stopping)
        except PyMongoError as error:
            self.process.check()
            raise StackError(f"mongod runs, but cannot be made a replica set: {error}") from error

    def run(self) -> None:
        """Starts the process and returns when it takes connections, whether or not it is in a replica set yet."""
        port = self.port("mongo")
        self._data.mkdir(parents=True, exist_ok=True)
        self.process.argv = [
            str(self._program), "--dbpath", str(self._data), "--bind_ip", HOST, "--port", str(port),
            "--replSet", REPLICA_SET, "--wiredTigerCacheSizeGB", cache_gb(), "--oplogSize", OPLOG_MB,
            "--nounixsocket",  # in /tmp, where one of another user would be in the way
            "--setParameter", "diagnosticDataCollectionEnabled=false",
            "--setParameter", f"shutdownTimeoutMillisForSignaledShutdown={_STOP_GRACE_MS}",
            # A client that is killed in a transaction leaves it open, and its documents in conflict, for this long.
            "--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME_S}",
            # What was changed or dropped is kept for this long, its files open: five minutes by default, which costs
            # work, and files that tests with a database each use up. No read of ours looks back.
            "--setParameter", f"minSnapshotHistoryWindowInSeconds={_HISTORY_S}",
        ]  # fmt: skip
        self.process.start()
        self.process.wait_until(lambda: accepts(port), START_DEADLINE_S, self.stopping)


def cache_gb() -> str:
    """How much the server may keep in memory, in GB: a sixth of the machine's, from 0.25 (its minimum) to 4.

    Reached only by as much data. By itself mongod takes half, which is too much for a laptop with other things to do.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{min(max(memory / 6, 0.25), 4):.2f}"


def mongo_url(port: int) -> str:
    """The connection string of the one-node replica set on a loopback port."""
    return f"mongodb://{HOST}:{port}/?replicaSet={REPLICA_SET}"


def accepts(port: int) -> bool:
    """True if something listens on the loopback port."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def direct_client(port: int) -> MongoClient[dict[str, Any]]:
    """A client of this one node, whatever the replica set says about it."""
    return MongoClient(HOST, port, directConnection=True, serverSelectionTimeoutMS=5_000)


def make_replica_set(client: MongoClient[dict[str, Any]], port: int) -> None:
    """Makes the node the one member of its replica set, under its present address. Idempotent."""
    member = {"_id": 0, "host": f"{HOST}:{port}"}
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
        return
    if [known["host"] for known in config["members"]] != [member["host"]]:
        # The port is a new one: the node does not find itself in its own configuration, so nobody can elect it.
        config["members"] = [member]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def is_primary(client: MongoClient[dict[str, Any]], port: int) -> bool:
    """True if the node accepts writes, as the primary of its replica set, which is made if need be."""
    try:
        make_replica_set(client, port)
        return bool(client.admin.command("hello").get("isWritablePrimary"))
    except ConnectionFailure:  # it drops connections whenever its own state changes
        return False
