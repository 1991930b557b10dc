"""A process of the test's, or a server, that is stopped for a while."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import docker
import psutil

from deploy.stack import LocalStack
from tests.support.waiting import wait_until

_STOPPED_S = 10


def freeze(pid: int) -> None:
    """SIGSTOP, and wait until it is stopped: while the machine is busy, a process may still answer after the signal was
    sent."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED, _STOPPED_S, f"process {pid} is stopped")


def thaw(pid: int) -> None:
    """SIGCONT."""
    os.kill(pid, signal.SIGCONT)


@contextmanager
def frozen_kafka(stack: LocalStack) -> Iterator[None]:
    """Meanwhile the stack's Kafka answers nothing, be it a process of ours or one in a container."""
    pid = stack.kafka.pid
    if pid is None:
        with closing(docker.from_env()) as client:
            label = f"pathbound.data={stack.directory.path / 'kafka-container'}"
            [container] = client.containers.list(filters={"label": label})
            container.pause()
            try:
                yield
            finally:
                container.unpause()
        return
    freeze(pid)
    try:
        yield
    finally:
        thaw(pid)
