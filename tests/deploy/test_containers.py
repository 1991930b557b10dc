"""The servers in containers, through testcontainers: what `pathbound up` and `make test` use where nothing else is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from pymongo import MongoClient

from deploy.stack import LocalStack, StackError
from service.kafka.admin import open_admin
from tests.deploy.engine import Engine

TOPIC = "kept"


@pytest.fixture
def only_containers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[docker.DockerClient]:
    """No rung but containers, on our engine; afterwards nothing is left there."""
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    for server in ("MONGO", "KAFKA"):
        monkeypatch.setenv(f"PATHBOUND_STACK_{server}", "container")
    client = docker.DockerClient(base_url=engine.host)
    yield client
    assert client.containers.list(all=True) == []
    client.close()


def insert(url: str) -> int:
    """Adds a document in a transaction, which only a working replica set can, and counts."""
    with MongoClient[dict[str, Any]](url) as client, client.start_session() as session:
        with session.start_transaction():
            client["test"]["kept"].insert_one({}, session=session)
        return client["test"]["kept"].count_documents({})


async def produce(bootstrap: str, value: bytes) -> None:
    """In a transaction, as the relay does."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="kept")
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(TOPIC, value)
    finally:
        await producer.stop()


async def consume(bootstrap: str, number: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(number)]
    finally:
        await consumer.stop()


async def test_they_serve_on_loopback_and_keep_their_data(only_containers: docker.DockerClient, tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    found = stack.start()
    try:
        assert (found.mongo_kind, found.kafka_kind) == ("container", "container")
        for container in only_containers.containers.list():
            bound = [binding["HostIp"] for ports in container.ports.values() for binding in ports or []]
            assert bound == ["127.0.0.1"]
        assert insert(found.mongo_url) == 1
        async with open_admin(found.kafka_bootstrap) as admin:
            await admin.create_topics([NewTopic(TOPIC, 1, 1)])
        await produce(found.kafka_bootstrap, b"one")
        for server in (stack.kafka, stack.mongod):
            server.kill()
            with pytest.raises(StackError, match="has ended"):
                stack.check()
            server.start()
            stack.check()
        assert (stack.mongod.address, stack.kafka.address) == (found.mongo_url, found.kafka_bootstrap)
        await produce(found.kafka_bootstrap, b"two")
    finally:
        stack.stop()
    with stack:
        assert insert(stack.mongod.address) == 2
        assert await consume(stack.kafka.address, 2) == [b"one", b"two"]


def test_what_a_killed_run_has_left_is_removed_by_the_next(
    only_containers: docker.DockerClient, tmp_path: Path
) -> None:
    killed = LocalStack(tmp_path)
    before = killed.start()
    killed.directory.release()  # as the kernel does when the process dies
    with LocalStack(tmp_path) as stack:
        assert stack.mongod.address == before.mongo_url
        assert len(only_containers.containers.list()) == 2


def test_an_image_that_is_not_there_is_said_in_a_sentence(
    only_containers: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.stack.containers.MONGO_IMAGE", "mongo:of-nobody")
    with pytest.raises(StackError, match="mongo:of-nobody"):
        LocalStack(tmp_path).start()
