"""Loopback ports: free ones, and the same ones again after a restart."""

import json
import random
import socket
import sys
import threading
from pathlib import Path

from deploy.stack.errors import StackError, explain

HOST = "127.0.0.1"
# Below Linux's ephemeral range: there, a client that retries while a server is down could get the server's port.
_RANGE = range(20_000, 32_000)
_TRIES = 200

_choosing = threading.Lock()
_held: set[int] = set()


def port_is_free(port: int) -> bool:
    """True if a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


class RememberedPorts:
    """Names a port for each server, in a file, so that addresses stay the same from one start to the next.

    A port is this process's while it lives: a server may take seconds to listen, and no other stack gets it meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> int:
        """The remembered port of `name` if it is still free, else a new free one, which is then remembered."""
        with _choosing:
            ports = self._load()
            port = ports.get(name)
            if port is None or not port_is_free(port) or not _hold(port):
                port = ports[name] = _pick(set(ports.values()))
                self._save(ports)
            return port

    def forget(self, name: str) -> None:
        """Makes the next `get(name)` choose a new port."""
        with _choosing:
            ports = self._load()
            ports.pop(name, None)
            self._save(ports)

    def _load(self) -> dict[str, int]:
        try:
            stored = json.loads(self._path.read_text())
        except (OSError, ValueError):  # the first start, or a file cut off by a crash: choose again
            return {}
        if not isinstance(stored, dict):
            return {}
        return {name: port for name, port in stored.items() if isinstance(port, int) and 0 < port < 65_536}

    def _save(self, ports: dict[str, int]) -> None:
        try:
            self._path.write_text(json.dumps(ports, indent=2) + "\n")
        except OSError as error:
            raise explain(error, "Remembering the ports", self._path.parent) from error


def _pick(taken: set[int]) -> int:
    for _ in range(_TRIES):
        port = random.choice(_RANGE)  # noqa: S311 - no secret; random, so that stacks starting at once differ
        if port not in taken and port not in _held and port_is_free(port) and _hold(port):
            return port
    raise StackError(f"No free port on {HOST} between {_RANGE.start} and {_RANGE.stop}. Stop some servers.")


def _hold(port: int) -> bool:
    """False if another process holds the port. The mark is a name in the kernel, which ends with the process."""
    if port not in _held and sys.platform == "linux":
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0pathbound-port-{port}")
        except OSError:
            mark.close()
            return False
        mark.detach()  # open for as long as the process lives, and nobody's to close
        _held.add(port)
    return True
