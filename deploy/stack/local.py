"""The ladder by which MongoDB and Kafka are found or started: given, local, container, and for Kafka a mock."""

import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import StackError, StackStopped, Unavailable, explain
from deploy.stack.servers import Server

KafkaKind = Literal["given", "local", "container", "mock"]
MongoKind = Literal["given", "local", "container"]
Progress = Callable[[str], None]

_GIVEN_TIMEOUT_S = 5


@dataclass(frozen=True)
class StackAddresses:
    """Where the two servers listen, and on which rung of the ladder each was found."""

    mongo_url: str
    kafka_bootstrap: str
    kafka_kind: KafkaKind
    mongo_kind: MongoKind


@dataclass(frozen=True)
class _Found:
    kind: str
    address: str
    server: Server | None


def _silent(_line: str) -> None:
    pass


class LocalStack:
    """MongoDB and Kafka for one machine, with their data in `directory`. Synchronous; needs no event loop or signals.

    `progress` is called with one line for each step, from several threads. Setting `stopping` abandons a start.
    """

    def __init__(
        self,
        directory: Path,
        *,
        mongo_url: str | None = None,
        kafka_bootstrap: str | None = None,
        progress: Progress = _silent,
        stopping: threading.Event | None = None,
    ) -> None:
        self.directory = DataDirectory(directory)
        self._given_mongo = mongo_url
        self._given_kafka = kafka_bootstrap
        self._progress = progress
        self._stopping = stopping or threading.Event()
        self._owns_stopping = stopping is None
        self._mongod: Server | None = None
        self._kafka: Server | None = None

    @property
    def mongod(self) -> Server:
        """The MongoDB server. Raises StackError if its address was given: then it is not ours to stop."""
        return _ours(self._mongod, "MongoDB")

    @property
    def kafka(self) -> Server:
        """The Kafka broker. Raises StackError if its address was given: then it is not ours to stop."""
        return _ours(self._kafka, "Kafka")

    def servers(self) -> list[Server]:
        """The servers that this stack has started, in the order in which to stop them."""
        return [server for server in (self._kafka, self._mongod) if server is not None]

    def start(self) -> StackAddresses:
        """Finds or starts both servers, side by side, and returns when both serve.

        Raises StackError (one sentence) or StackStopped, and then leaves nothing running.
        """
        self.directory.claim()
        if self._owns_stopping:
            self._stopping.clear()
        try:
            mongo, kafka = self._start_both()
        except BaseException:
            self._stopping.set()
            self.stop()
            raise
        return StackAddresses(
            mongo.address, kafka.address, cast("KafkaKind", kafka.kind), cast("MongoKind", mongo.kind)
        )

    def _start_both(self) -> tuple[_Found, _Found]:
        with ThreadPoolExecutor(2, thread_name_prefix="stack") as pool:
            try:
                mongo, kafka = pool.submit(self._find_mongo), pool.submit(self._find_kafka)
                wait((mongo, kafka), return_when=FIRST_EXCEPTION)
                _raise_first_failure(mongo, kafka)
            except BaseException:
                self._stopping.set()  # the other one gives up at its next look, and leaving `with` waits for that
                raise
        return mongo.result(), kafka.result()

    def stop(self) -> None:
        """Ends both servers, each within 4 s, and gives the directory back. Idempotent."""
        servers = self.servers()
        if servers:
            with ThreadPoolExecutor(len(servers), thread_name_prefix="stop") as pool:
                list(pool.map(lambda server: server.stop(), servers))
        self._kafka = self._mongod = None
        self.directory.release()

    def check(self) -> None:
        """Raises StackError if one of the servers has died."""
        for server in self.servers():
            server.check()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _find_mongo(self) -> _Found:
        if self._given_mongo is not None:
            _ping_given_mongo(self._given_mongo)
            return _Found("given", self._given_mongo, None)
        rungs: dict[str, Callable[[], Server]] = {"local": self._local_mongod, "container": self._mongo_container}
        found = self._climb("MongoDB", "PATHBOUND_STACK_MONGO", rungs, self._start_mongo)
        if found is None:
            raise StackError(
                "No MongoDB can be started here. Install `mongod` (5.0 or above) on the PATH, start a container "
                "engine, or give the address of a replica set with --mongo-url."
            )
        return found

    def _find_kafka(self) -> _Found:
        if self._given_kafka is not None:
            _connect_given_kafka(self._given_kafka)
            return _Found("given", self._given_kafka, None)
        rungs: dict[str, Callable[[], Server]] = {
            "local": self._local_kafka,
            "container": self._kafka_container,
            "mock": self._mock_kafka,
        }
        found = self._climb("Kafka", "PATHBOUND_STACK_KAFKA", rungs, self._start_kafka)
        if found is None:
            raise StackError(
                "No Kafka can be started here. Install Java 17 and Maven, start a container engine, "
                "or give the address of a broker with --kafka-bootstrap."
            )
        if found.kind == "mock":
            self._progress("Kafka: WARNING: this is a mock in memory. It keeps nothing: events are lost at each stop.")
        return found

    def _climb(
        self, what: str, variable: str, rungs: dict[str, Callable[[], Server]], start: Callable[[Server], None]
    ) -> _Found | None:
        choice = os.environ.get(variable) or "auto"
        if choice != "auto" and choice not in rungs:
            raise StackError(f"{variable} is {choice!r}; it can be auto, {', '.join(rungs)}.")
        for kind, make in rungs.items():
            if choice not in ("auto", kind):
                continue
            try:
                server = make()
                start(server)
            except Unavailable as reason:
                self._progress(f"{what}: not {kind}: {reason}")
            except OSError as error:
                raise explain(error, f"Starting {what}", self.directory.path) from error
            else:
                self._progress(f"{what}: {server.description}, at {server.address}")
                return _Found(kind, server.address, server)
        return None

    def _start_mongo(self, server: Server) -> None:
        self._mongod = server
        server.start()

    def _start_kafka(self, server: Server) -> None:
        self._kafka = server
        server.start()

    def _local_mongod(self) -> Server:
        from deploy.stack.mongod import Mongod
        from deploy.stack.programs import find_mongod

        program, version = find_mongod()
        return Mongod(program, version, self.directory, self._stopping)

    def _mongo_container(self) -> Server:
        from deploy.stack.containers import mongo_container

        return mongo_container(self.directory, self._stopping)

    def _local_kafka(self) -> Server:
        from deploy.stack.kafka import KafkaServer
        from deploy.stack.kafka_jars import find_kafka_jars
        from deploy.stack.programs import find_java

        java = find_java()
        jars = find_kafka_jars(self.directory.logs, self._progress, self._stopping)
        return KafkaServer(java, jars, self.directory, self._stopping)

    def _kafka_container(self) -> Server:
        from deploy.stack.containers import kafka_container

        return kafka_container(self.directory, self._stopping)

    def _mock_kafka(self) -> Server:
        from deploy.stack.mock_kafka import MockKafka

        return MockKafka(self.directory, self._stopping)


def _ours(server: Server | None, name: str) -> Server:
    if server is None:
        raise StackError(f"{name} was not started by this stack.")
    return server


def _raise_first_failure(*futures: "Future[_Found]") -> None:
    """Raises what went wrong first. That a start was abandoned because of the other one is no news."""
    errors = [future.exception() for future in futures if future.done()]
    failures = [error for error in errors if error is not None]
    for error in sorted(failures, key=lambda error: isinstance(error, StackStopped)):
        raise error


def _ping_given_mongo(url: str) -> None:
    try:
        with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=_GIVEN_TIMEOUT_S * 1000) as client:
            client.admin.command("ping")
    except PyMongoError as error:
        reason = str(error).split(",")[0].split("(")[0]
        raise StackError(f"The MongoDB of --mongo-url does not answer: {reason}.") from error


def _connect_given_kafka(bootstrap: str) -> None:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_GIVEN_TIMEOUT_S).close()
        except (OSError, ValueError):
            continue
        return
    raise StackError(f"No Kafka broker accepts connections at {bootstrap} (--kafka-bootstrap).")
