"""The third rung: the servers in containers, where a container engine answers. Images are pulled at the first start."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo.errors import PyMongoError

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import StackError, Unavailable
from deploy.stack.kafka import MESSAGE_LIMIT_BYTES, answers
from deploy.stack.mongod import (
    OPLOG_MB,
    REPLICA_SET,
    TRANSACTION_LIFETIME_S,
    accepts,
    cache_gb,
    direct_client,
    is_primary,
    mongo_url,
)
from deploy.stack.ports import HOST
from deploy.stack.processes import pause
from deploy.stack.servers import STOP_GRACE_S

MONGO_IMAGE = "mongo:7"
KAFKA_IMAGE = "apache/kafka:4.1.0"
_CLUSTER_ID = "cGF0aGJvdW5kLWxvY2FsMA"
_LABEL = "pathbound.data"
_PING_TIMEOUT_S = 3
_START_TRIES = 1_200  # of one pause each: about a minute


def require_engine() -> None:
    """Raises Unavailable unless a container engine answers within 3 s."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError as error:
        raise Unavailable("testcontainers is not installed") from error
    try:
        client = docker.from_env(timeout=_PING_TIMEOUT_S)
        try:
            client.ping()
        finally:
            client.close()
    except (DockerException, OSError) as error:
        raise Unavailable("no container engine answers") from error


class ContainerServer:
    """One server in a container that uses the same port inside and outside, so that it can name its own address."""

    pid: int | None = None

    def __init__(
        self,
        name: str,
        image: str,
        directory: DataDirectory,
        stopping: threading.Event,
        configure: Callable[[Any, int, Path], None],
        ready: Callable[[int], bool],
    ) -> None:
        require_engine()
        self.name = name
        self._image = image
        self._data = directory.path / f"{name}-container"
        self._labels = {_LABEL: str(self._data)}
        _remove_leftovers(self._labels)  # before the port is looked at: theirs may be in use
        self._port = directory.ports.get(f"{name}-container")
        self._stopping = stopping
        self._configure = configure
        self._ready = ready
        self._container: Any = None

    @property
    def address(self) -> str:
        """The connection string (MongoDB) or the bootstrap address (Kafka)."""
        return mongo_url(self._port) if self.name == "mongo" else f"{HOST}:{self._port}"

    @property
    def description(self) -> str:
        return f"{self._image} in a container, data in {self._data}"

    def start(self) -> None:
        """Starts the container and waits until the server serves. Raises StackError or StackStopped."""
        from docker.errors import DockerException
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        # Its reaper would be a third image, given the engine's socket: what a kill leaves is removed at our start.
        testcontainers_config.ryuk_disabled = True
        self._data.mkdir(parents=True, exist_ok=True)
        container: Any = DockerContainer(self._image, user=f"{os.getuid()}:{os.getgid()}", labels=self._labels)
        container.ports[f"{self._port}/tcp"] = (HOST, self._port)  # with_bind_ports would listen on every address
        self._configure(container, self._port, self._data)
        try:
            self._container = container
            container.start()
            for _ in range(_START_TRIES):
                if self._ready(self._port):
                    return
                self.check()
                pause(self._stopping)
        except DockerException as error:
            self.stop()
            raise StackError(f"The container of {self._image} cannot run: {error}") from error
        except BaseException:
            self.stop()
            raise
        self.stop()
        raise StackError(f"{self._image} is not ready after a minute.")

    def stop(self) -> None:
        """Ends the server in an orderly way, within 4 s, and removes the container; its data stays. Idempotent."""
        if self._container is not None and self._is_there():
            self._container.get_wrapped_container().stop(timeout=int(STOP_GRACE_S))
        self.kill()

    def kill(self) -> None:
        """Ends the server at once."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def _is_there(self) -> bool:
        """False where the engine could not even make the container."""
        return str(self._container.status) != "not_started"

    def check(self) -> None:
        """Raises StackError if the container does not run any more."""
        if self._container is None:
            raise StackError(f"The container of {self._image} has ended.")
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status not in ("created", "running"):
            last = wrapped.logs(tail=3).decode(errors="replace").strip()
            raise StackError(f"The container of {self._image} has ended ({wrapped.status}). Its last lines: {last}")


def _remove_leftovers(labels: dict[str, str]) -> None:
    """Removes the containers with these labels: those of a stack that was killed."""
    import docker

    client = docker.from_env()
    try:
        given = [f"{name}={value}" for name, value in labels.items()]
        for container in client.containers.list(all=True, filters={"label": given}):
            container.remove(force=True, v=True)
    finally:
        client.close()


def mongo_container(directory: DataDirectory, stopping: threading.Event) -> ContainerServer:
    """MongoDB as a one-node replica set. Raises Unavailable where no container engine answers."""
    return ContainerServer("mongo", MONGO_IMAGE, directory, stopping, _configure_mongo, _mongo_is_ready)


def kafka_container(directory: DataDirectory, stopping: threading.Event) -> ContainerServer:
    """Kafka as one KRaft node. Raises Unavailable where no container engine answers."""
    return ContainerServer(
        "kafka", KAFKA_IMAGE, directory, stopping, _configure_kafka, lambda port: answers(HOST, port)
    )


def _configure_mongo(container: Any, port: int, data: Path) -> None:
    container.with_command(
        f"mongod --port {port} --bind_ip_all --replSet {REPLICA_SET} --wiredTigerCacheSizeGB {cache_gb()} "
        f"--oplogSize {OPLOG_MB} --setParameter transactionLifetimeLimitSeconds={TRANSACTION_LIFETIME_S}"
    )
    container.with_volume_mapping(str(data), "/data/db", "rw")


def _mongo_is_ready(port: int) -> bool:
    if not accepts(port):
        return False
    try:
        with direct_client(port) as client:
            return is_primary(client, port)
    except PyMongoError:  # the engine's port forwarder accepts before the server does
        return False


def _configure_kafka(container: Any, port: int, data: Path) -> None:
    container.with_volume_mapping(str(data), "/data/kafka", "rw")
    container.with_tmpfs_mount("/opt/kafka/config")  # the image's own can be written by its own user alone
    for name, value in {
        "CLUSTER_ID": _CLUSTER_ID,
        "LOG_DIR": "/tmp/kafka-logs",  # noqa: S108 - in the container
        "KAFKA_LOG_DIRS": "/data/kafka",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://127.0.0.1:{port + 1}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@127.0.0.1:{port + 1}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_BROKER_HEARTBEAT_INTERVAL_MS": "500",
        "KAFKA_BROKER_SESSION_TIMEOUT_MS": "3000",
        "KAFKA_LOG_INDEX_SIZE_MAX_BYTES": "1048576",
        "KAFKA_MESSAGE_MAX_BYTES": str(MESSAGE_LIMIT_BYTES),
        "KAFKA_REPLICA_FETCH_MAX_BYTES": str(MESSAGE_LIMIT_BYTES),
    }.items():
        container.with_env(name, value)
