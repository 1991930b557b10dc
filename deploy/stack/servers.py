"""What every server of the local stack can do, and how one is started on a port that stays the same."""

import abc
import threading
from typing import Protocol

from deploy.stack.directory import DataDirectory
from deploy.stack.errors import ProcessDied
from deploy.stack.processes import ManagedProcess

STOP_GRACE_S = 4.0
_PORT_TRIES = 3


class Server(Protocol):
    """A server of the stack. After `stop` or `kill`, `start` brings it back with its data on the same address."""

    @property
    def address(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def check(self) -> None: ...


class ChildServer:
    """A server that is one child process."""

    def __init__(self, process: ManagedProcess) -> None:
        self.process = process

    @property
    def pid(self) -> int | None:
        """The process id of the latest start."""
        return self.process.pid

    def stop(self) -> None:
        """Ends the server in an orderly way, within 4 s. Idempotent."""
        self.process.stop(STOP_GRACE_S)

    def kill(self) -> None:
        """Ends the server at once (SIGKILL)."""
        self.process.kill()

    def check(self) -> None:
        """Raises ProcessDied if the server has ended."""
        self.process.check()


class LocalServer(ChildServer, abc.ABC):
    """One on ports of its own. Subclasses say how to choose ports and how to get it ready."""

    def __init__(self, process: ManagedProcess, directory: DataDirectory, stopping: threading.Event) -> None:
        super().__init__(process)
        self.directory = directory
        self.stopping = stopping
        self._ports: dict[str, int] = {}

    @property
    @abc.abstractmethod
    def port_names(self) -> tuple[str, ...]:
        """Under which names the server's ports are remembered."""

    @abc.abstractmethod
    def launch(self) -> None:
        """Starts the process on the ports now in `port()`, and returns when it serves."""

    def port(self, name: str) -> int:
        """The port chosen for `name`."""
        return self._ports[name]

    def start(self) -> None:
        """Starts the server and waits until it serves. Raises StackError (and leaves no process) or StackStopped."""
        tries = 1 if self._ports else _PORT_TRIES  # once its address is known to others, it must not change
        for attempt in range(1, tries + 1):
            if not self._ports:
                self._ports = {name: self.directory.ports.get(name) for name in self.port_names}
            try:
                self.launch()
            except ProcessDied:
                if attempt == tries or "address already in use" not in self.process.output().lower():
                    raise
                for name in self.port_names:
                    self.directory.ports.forget(name)
                self._ports = {}
            except BaseException:
                self.process.kill()
                raise
            else:
                return
