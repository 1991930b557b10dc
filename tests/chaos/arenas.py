"""The servers of a case, the whole system on them, and what of it can be struck."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.stack.directory import DataDirectory
from deploy.stack.kafka import KafkaServer
from deploy.stack.kafka_jars import find_kafka_jars
from deploy.stack.mongod import Mongod
from deploy.stack.ports import HOST
from deploy.stack.programs import find_java, find_mongod
from deploy.stack.servers import LocalServer
from tests.chaos.faults import Card, deck_of_all, deck_of_primaries
from tests.chaos.injector import Targets
from tests.support.api import ApiUser
from tests.support.replica_set import ReplicaSet
from tests.support.running_system import System, running_system
from tests.support.tcp_proxy import TcpProxy

SOURCES = ("tracker", "tracker", "gmail", "intercom")


@dataclass(frozen=True, slots=True)
class Arena:
    """A system that runs, its API's users (one for each API process, with one key), and what can be done to it.

    `latest_is_read`: a read shows all that was acknowledged before. Not so for a moment where a primary that was frozen
    wakes up and has not heard of its successor yet.
    """

    system: System
    users: Sequence[ApiUser]
    targets: Targets
    deck: Sequence[Card]
    latest_is_read: bool = True


@asynccontextmanager
async def one_of_each(directory: Path) -> AsyncIterator[Arena]:
    """One mongod and one Kafka, each reached through a link that can be cut."""
    async with AsyncExitStack() as stack:
        mongod = await _mongod(directory / "mongod", stack)
        mongo_link = await stack.enter_async_context(TcpProxy(mongod.port("mongo")))
        kafka, kafka_link = await _kafka(directory / "kafka", stack)
        # A driver that looks for the members of the set would find the server itself, and pass the link by.
        url = f"mongodb://{mongo_link.address}/?directConnection=true"
        system = await stack.enter_async_context(_system(url, kafka_link.address, directory))
        users = await _second_processes(system, stack)
        targets = Targets(links={"link to mongod": mongo_link, "link to kafka": kafka_link})
        targets.add("mongod", mongod)
        targets.add("kafka", kafka)
        _add_processes(targets, system)
        yield Arena(system, users, targets, deck_of_all(2, 2, len(SOURCES)))


@asynccontextmanager
async def replica_set(directory: Path) -> AsyncIterator[Arena]:
    """Three mongods, of which the primary is killed again and again; one Kafka."""
    async with AsyncExitStack() as stack:
        nodes = ReplicaSet(directory)
        stack.push_async_callback(nodes.stop)
        await nodes.start()
        _, link = await _kafka(directory / "kafka", stack)
        system = await stack.enter_async_context(_system(nodes.url, link.address, directory))
        users = await _second_processes(system, stack)
        targets = Targets(others_of=lambda primary: [node for node in nodes.nodes if node is not primary])
        targets.victims["primary"] = nodes.elected
        _add_processes(targets, system)
        yield Arena(system, users, targets, deck_of_primaries(), latest_is_read=False)


def _system(mongo_url: str, kafka_bootstrap: str, directory: Path) -> AbstractAsyncContextManager[System]:
    (directory / "system").mkdir()
    return running_system(mongo_url, kafka_bootstrap, sources=SOURCES, directory=directory / "system")


async def _mongod(directory: Path, stack: AsyncExitStack) -> Mongod:
    program, version = find_mongod()
    mongod = Mongod(program, version, DataDirectory(directory), threading.Event())
    await _started(mongod, stack)
    return mongod


async def _kafka(directory: Path, stack: AsyncExitStack) -> tuple[KafkaServer, TcpProxy]:
    """The broker tells its clients the link's port as its own, so the link is there first."""
    place = DataDirectory(directory)
    place.claim()
    link = await stack.enter_async_context(TcpProxy(place.ports.get("kafka")))
    jars = await asyncio.to_thread(find_kafka_jars, place.logs, print, threading.Event())
    kafka = KafkaServer(find_java(), jars, place, threading.Event())
    kafka.advertised_port = link.port
    await _started(kafka, stack)
    return kafka, link


async def _started(server: LocalServer, stack: AsyncExitStack) -> None:
    server.directory.claim()
    stack.callback(server.directory.release)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    await asyncio.to_thread(server.start)


async def _second_processes(system: System, stack: AsyncExitStack) -> list[ApiUser]:
    """Another API and another relay; the same client of both APIs."""
    api, relay = system.add_api(), system.add_relay()
    for process in (api, relay):
        process.start()
    for process in (api, relay):
        await process.wait_ready()
    first = system.user
    http = await stack.enter_async_context(aiohttp.ClientSession(f"http://{HOST}:{api.port}"))
    return [first, ApiUser(http, first.tenant_id, first.key_id, first.api_key)]


def _add_processes(targets: Targets, system: System) -> None:
    for kind, processes in (("api", system.apis), ("relay", system.relays), ("consumer", system.consumers)):
        for number, process in enumerate(processes, start=1):
            targets.add(f"{kind}-{number}", process)
