"""The last resort: librdkafka's mock cluster, which speaks Kafka's protocol over TCP and keeps nothing.

`python -m deploy.stack.mock_kafka` runs it and prints its address; `MockKafka` starts that as a child process. The
kernel chooses its port, so it comes back from a restart empty and elsewhere.
"""

import re
import signal
import sys
import threading

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import Unavailable
from deploy.stack.processes import ManagedProcess
from deploy.stack.servers import ChildServer

START_DEADLINE_S = 30.0
_ANNOUNCEMENT = re.compile(r"^mock Kafka listens on (\S+)$", re.MULTILINE)


class MockKafka(ChildServer):
    """The mock cluster in a child process."""

    def __init__(self, directory: DataDirectory, stopping: threading.Event) -> None:
        try:
            import confluent_kafka  # noqa: F401 - an optional extra
        except ImportError as error:
            raise Unavailable("confluent-kafka, which has a mock of Kafka, is not installed") from error
        self._stopping = stopping
        self._address = ""
        argv = [sys.executable, "-m", "deploy.stack.mock_kafka"]
        super().__init__(ManagedProcess("The mock Kafka", argv, log=directory.logs / "kafka.log"))

    @property
    def address(self) -> str:
        """The bootstrap address, host:port."""
        return self._address

    @property
    def description(self) -> str:
        return "librdkafka's mock of Kafka, which keeps nothing"

    def start(self) -> None:
        """Starts the mock. Raises StackError or StackStopped."""
        self.process.start()
        try:
            self.process.wait_until(self._announced, START_DEADLINE_S, self._stopping)
        except BaseException:
            self.process.kill()
            raise

    def _announced(self) -> bool:
        found = _ANNOUNCEMENT.search(self.process.output())
        self._address = found.group(1) if found else ""
        return found is not None


def main() -> None:
    """Runs the mock until SIGTERM or SIGINT."""
    from confluent_kafka import Producer

    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before librdkafka's threads exist, so that they inherit it
    producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 3})
    brokers = producer.list_topics(timeout=START_DEADLINE_S).brokers.values()
    print("mock Kafka listens on", ",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
    signal.sigwait(signals)


if __name__ == "__main__":
    main()
