"""A MongoDB replica set of three nodes on loopback ports."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from deploy.stack.directory import DataDirectory
from deploy.stack.mongod import REPLICA_SET, Mongod, direct_client
from deploy.stack.ports import HOST
from deploy.stack.programs import find_mongod
from tests.support.waiting import eventually

_ELECTED_S = 40.0
_ASK_MS = 1_000
# A primary that is gone is replaced in about two seconds, not ten, so that a short run has many elections.
_SETTINGS = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500}


class Node(Mongod):
    """One of them: it is made a member by another one."""

    def launch(self) -> None:
        self.run()

    @property
    def host(self) -> str:
        """host:port."""
        return f"{HOST}:{self.port('mongo')}"


class ReplicaSet:
    """Three nodes, and which of them is the primary."""

    def __init__(self, directory: Path) -> None:
        program, version = find_mongod()
        self.nodes = [
            Node(program, version, DataDirectory(directory / f"node-{number}"), threading.Event())
            for number in (1, 2, 3)
        ]
        self._client: MongoClient[dict[str, Any]]

    @property
    def url(self) -> str:
        """The connection string."""
        return f"mongodb://{','.join(node.host for node in self.nodes)}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Start all, make them a set, and wait for a primary."""
        for node in self.nodes:
            node.directory.claim()
        await asyncio.gather(*(asyncio.to_thread(node.start) for node in self.nodes))
        await asyncio.to_thread(_initiate, self.nodes)
        self._client = MongoClient(self.url, serverSelectionTimeoutMS=_ASK_MS, heartbeatFrequencyMS=500)
        await self.elected()

    async def stop(self) -> None:
        """End all."""
        self._client.close()
        await asyncio.gather(*(asyncio.to_thread(node.stop) for node in self.nodes))
        for node in self.nodes:
            node.directory.release()

    async def elected(self) -> Node:
        """The primary; waits for one."""
        node = await eventually(self._primary, _ELECTED_S, "the replica set has a primary")
        assert node is not None
        return node

    async def _primary(self) -> Node | None:
        address = self._client.primary
        return next((node for node in self.nodes if address and node.port("mongo") == address[1]), None)


def _initiate(nodes: Sequence[Node]) -> None:
    members = [{"_id": number, "host": node.host} for number, node in enumerate(nodes)]
    with direct_client(nodes[0].port("mongo")) as client:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members, "settings": _SETTINGS})
