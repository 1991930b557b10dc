"""A process of the test's that is stopped for a while."""

import os
import signal

import psutil

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
