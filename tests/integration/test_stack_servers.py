"""The ladder on real servers: they start, survive kills with their data, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from pymongo import MongoClient

from deploy.stack import LocalStack, StackError, StackStopped
from deploy.stack.ports import HOST
from service.kafka.admin import open_admin
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def _every_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ladder is what is tried here, also in a run whose own servers are in containers."""
    for server in ("MONGO", "KAFKA"):
        monkeypatch.delenv(f"PATHBOUND_STACK_{server}", raising=False)


def insert(url: str) -> None:
    """Writes one document in a transaction: only a working replica set can."""
    with (
        MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=10_000) as client,
        client.start_session() as session,
        session.start_transaction(),
    ):
        client["test"]["kept"].insert_one({}, session=session)


def count(url: str) -> int:
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=10_000) as client:
        return client["test"]["kept"].count_documents({})


def taken(port: int) -> socket.socket:
    """Keeps a port busy, without answering there."""
    holder = socket.socket()
    holder.bind((HOST, port))
    return holder


async def produce(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait("kept", value)
    finally:
        await producer.stop()


async def consume(bootstrap: str, number: int) -> list[bytes]:
    consumer = AIOKafkaConsumer("kept", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(number)]
    finally:
        await consumer.stop()


async def test_data_survives_kills_restarts_and_changed_ports(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path)
    first = stack.start()
    try:
        assert (first.mongo_kind, first.kafka_kind) == ("local", "local")
        insert(first.mongo_url)
        async with open_admin(first.kafka_bootstrap) as admin:
            await admin.create_topics([NewTopic("kept", 1, 1)])
        await produce(first.kafka_bootstrap, b"one")
        for server in (stack.kafka, stack.mongod):
            server.kill()
            with pytest.raises(StackError, match="ended unexpectedly"):
                stack.check()
            server.start()
            stack.check()
        insert(first.mongo_url)
        await produce(first.kafka_bootstrap, b"two")
        pids = [server.pid for server in stack.servers()]
    finally:
        stack.stop()
    stack.stop()
    assert not [pid for pid in pids if pid is not None and psutil.pid_exists(pid)]

    mongo_port, kafka_port = int(first.mongo_url.split(":")[2].split("/")[0]), int(first.kafka_bootstrap.split(":")[1])
    with taken(mongo_port), taken(kafka_port), stack:
        assert stack.mongod.address != first.mongo_url
        assert stack.kafka.address != first.kafka_bootstrap
        assert count(stack.mongod.address) == 2
        assert await consume(stack.kafka.address, 2) == [b"one", b"two"]


def test_a_killed_supervisor_leaves_no_server_and_does_not_hinder_the_next(tmp_path: Path) -> None:
    code = f"""
import pathlib, signal
from deploy.stack import LocalStack
stack = LocalStack(pathlib.Path({str(tmp_path)!r}))
stack.start()
print(*(server.pid for server in stack.servers()), flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        pids = [int(pid) for pid in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        supervisor.kill()
    with LocalStack(tmp_path) as stack:
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        insert(stack.mongod.address)


def test_a_start_can_be_abandoned_and_leaves_nothing(tmp_path: Path) -> None:
    stopping = threading.Event()
    stack = LocalStack(tmp_path, stopping=stopping)
    ends: list[BaseException] = []

    def run() -> None:
        try:
            stack.start()
        except StackStopped as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: (tmp_path / "logs" / "mongod.log").exists(), 20, "mongod is being started")
    stopping.set()
    thread.join(10)
    assert len(ends) == 1
    assert stack.servers() == []
    LocalStack(tmp_path).directory.claim()


def test_one_server_that_cannot_start_takes_the_other_down(tmp_path: Path) -> None:
    (tmp_path / "mongo").write_text("a file where mongod wants a directory")
    stack = LocalStack(tmp_path)
    with pytest.raises(StackError, match="Starting MongoDB failed"):
        stack.start()
    children = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [command for command in children if str(tmp_path) in " ".join(command)]


def test_mongod_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "mongo").mkdir()
    (tmp_path / "mongo" / "WiredTiger").write_text("not what it was")
    (tmp_path / "mongo" / "WiredTiger.turtle").write_text("nor this")
    with pytest.raises(StackError, match=rf"mongod ended unexpectedly \(.*{tmp_path}/logs/mongod.log"):
        LocalStack(tmp_path).start()


async def test_the_mock_is_the_last_rung_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    said: list[str] = []
    with LocalStack(tmp_path / "data", progress=said.append) as stack:
        assert [line for line in said if "WARNING" in line and "keeps nothing" in line]
        assert [line for line in said if "no Java 17" in line]
        await produce(stack.kafka.address, b"one")
        assert await consume(stack.kafka.address, 1) == [b"one"]
        os.kill(stack.kafka.pid or 0, signal.SIGKILL)
        wait_until(lambda: _raises(stack), 10, "the mock's death is seen")
        stack.kafka.start()
        stack.check()


def _raises(stack: LocalStack) -> bool:
    try:
        stack.check()
    except StackError:
        return True
    return False


def test_given_addresses_are_used_and_must_answer(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"MongoDB of --mongo-url does not answer|No Kafka broker accepts") as error:
        LocalStack(tmp_path, mongo_url="mongodb://u:secret@127.0.0.1:1", kafka_bootstrap="127.0.0.1:1").start()
    assert "secret" not in str(error.value)
    with pytest.raises(StackError, match="No Kafka broker accepts connections at nonsense"):
        LocalStack(tmp_path, mongo_url="mongodb://127.0.0.1:1", kafka_bootstrap="nonsense").start()


@pytest.mark.parametrize(
    ("variable", "value"), [("PATHBOUND_STACK_KAFKA", "rabbit"), ("PATHBOUND_STACK_MONGO", "mock")]
)
def test_an_unknown_choice_is_refused(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATHBOUND_STACK_KAFKA", "mock")
    monkeypatch.setenv(variable, value)
    with pytest.raises(StackError, match=f"{variable} is '{value}'; it can be auto, local"):
        LocalStack(tmp_path).start()


def test_where_nothing_can_be_had_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATHBOUND_STACK_MONGO", "container")
    monkeypatch.setenv("PATHBOUND_STACK_KAFKA", "mock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    with pytest.raises(StackError, match=r"No MongoDB can be started here\. Install `mongod`"):
        LocalStack(tmp_path).start()
