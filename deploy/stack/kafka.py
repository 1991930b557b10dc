"""Apache Kafka: one KRaft node, broker and controller, in a child process."""

import os
import shutil
import socket
import struct
import threading
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import StackError
from deploy.stack.ports import HOST
from deploy.stack.processes import ManagedProcess
from deploy.stack.servers import LocalServer

START_DEADLINE_S = 60.0
FORMAT_DEADLINE_S = 60.0
MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024
_API_VERSIONS = 18
_PROBE_ID = 7

_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true")
_LOGGING = ("-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")

# One node, small disks and memories, no waiting for replicas or members that cannot exist here.
_PROPERTIES = f"""\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
message.max.bytes={MESSAGE_LIMIT_BYTES}
replica.fetch.max.bytes={MESSAGE_LIMIT_BYTES}
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
"""


class KafkaServer(LocalServer):
    """A broker whose data lives in `directory/kafka/data`; its configuration is written anew at each start.

    `advertised_port` tells clients another port than the broker's own, where something forwards to it.
    """

    advertised_port: int | None = None

    def __init__(self, java: Path, jars: Path, directory: DataDirectory, stopping: threading.Event) -> None:
        self._home = directory.path / "kafka"
        self._data = self._home / "data"
        self._java = [str(java), "-cp", f"{jars}/*", *_JVM, *_LOGGING]
        self._log = directory.logs / "kafka.log"
        main = [*self._java, "-Xms128m", "-Xmx512m", "kafka.Kafka", str(self._home / "server.properties")]
        process = ManagedProcess("Kafka", main, log=self._log, cwd=self._home, env=_java_environment())
        super().__init__(process, directory, stopping)

    @property
    def port_names(self) -> tuple[str, ...]:
        return ("kafka", "kafka-controller")

    @property
    def address(self) -> str:
        """The bootstrap address, host:port."""
        return f"{HOST}:{self.port('kafka')}"

    @property
    def description(self) -> str:
        return f"Apache Kafka (KRaft, one node), data in {self._data}"

    def launch(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            self._format()
        self._configure("server.properties", self._data)
        self.process.start()
        self.process.wait_until(lambda: answers(HOST, self.port("kafka")), START_DEADLINE_S, self.stopping)

    def _configure(self, name: str, data: Path) -> Path:
        broker, controller = self.port("kafka"), self.port("kafka-controller")
        path = self._home / name
        path.write_text(
            f"{_PROPERTIES}"
            f"listeners=PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}\n"
            f"advertised.listeners=PLAINTEXT://{HOST}:{self.advertised_port or broker}\n"
            f"controller.quorum.voters=1@{HOST}:{controller}\n"
            f"log.dirs={_escape(data)}\n"
        )
        return path

    def _format(self) -> None:
        """Makes an empty cluster. It appears under its name only when complete, so a kill midway does no harm."""
        unfinished = self._home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")
        config = self._configure("format.properties", unfinished)
        tool = ManagedProcess(
            "Kafka's format tool",
            [*self._java, "-Xmx256m", "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(config)],
            log=self._log,
            cwd=self._home,
            env=_java_environment(),
        )
        tool.start()
        if tool.wait_exit(FORMAT_DEADLINE_S, self.stopping) != 0:
            tool.check()
        if not (unfinished / "meta.properties").exists():
            raise StackError(f"Kafka's format tool left no data in {unfinished}. Its log: {self._log}")
        unfinished.rename(self._data)


def answers(host: str, port: int) -> bool:
    """True if a Kafka broker there answers an ApiVersions request: it listens before it serves."""
    body = struct.pack(">hhih", _API_VERSIONS, 0, _PROBE_ID, -1)
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            head = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == _PROBE_ID


def _escape(path: Path) -> str:
    """A path as a value of a Java properties file (a comma would start a second directory)."""
    text = str(path)
    if "," in text:
        raise StackError(f"Kafka cannot keep data in {path}: its path has a comma. Choose another --data-dir.")
    return text.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode()


def _java_environment() -> dict[str, str]:
    """The environment without what would change how our JVM runs."""
    return {name: value for name, value in os.environ.items() if name not in ("CLASSPATH", "JDK_JAVA_OPTIONS")}
