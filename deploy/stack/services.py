"""Our own processes, as `pathbound up` runs them: API, outbox relay and a consumer of each source, side by side."""

import functools
import http.client
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.directory import DataDirectory, write_private
from deploy.stack.errors import StackError, StackStopped
from deploy.stack.local import StackAddresses
from deploy.stack.ports import HOST
from deploy.stack.processes import ManagedProcess, stop_all
from schemas.scopes import Scope

INIT_DEADLINE_S = 90.0
READY_DEADLINE_S = 60.0
STOP_GRACE_S = 4.5  # with the servers' 4 s after it, below the 10 s within which everything must have ended
DRAIN_S = 3.5
TENANT = "dev"
SOURCES = ("tracker", "gmail", "intercom")
SCOPES = tuple(scope.value for scope in Scope)
_HTTP_TIMEOUT_S = 1.5
_COMMAND_TIMEOUT_S = 60.0
# They steer `up` itself; the commands below know no such settings.
_NOT_FOR_CHILDREN = ("PATHBOUND_DATA_DIR", "PATHBOUND_CACHE_DIR", "PATHBOUND_STACK_KAFKA", "PATHBOUND_STACK_MONGO")


@dataclass(frozen=True)
class Service:
    """One of our processes, and the port on which it answers `/health/ready`."""

    title: str
    process: ManagedProcess
    port: int


class Services:
    """API, relay and consumers, all on the servers in `addresses`."""

    def __init__(
        self, directory: DataDirectory, addresses: StackAddresses, api_port: int, stopping: threading.Event
    ) -> None:
        self._directory = directory
        self._addresses = addresses
        self._api_port = api_port
        self._stopping = stopping
        ports = directory.ports
        self.all = (
            Service("API", self._process("api", ["api"], api_port), api_port),
            self._service("outbox relay", "relay", ["relay"], ports.get("relay")),
            *(
                self._service(
                    f"{source} consumer", f"consume-{source}", ["consume", source], ports.get(f"consume-{source}")
                )
                for source in SOURCES
            ),
        )

    def _service(self, title: str, log_name: str, arguments: Sequence[str], port: int) -> Service:
        return Service(title, self._process(log_name, arguments, port), port)

    def init(self) -> None:
        """Creates topics and indexes. Raises StackError or StackStopped."""
        process = self._process("init", ["init"], 0)
        process.start()
        if process.wait_exit(INIT_DEADLINE_S, self._stopping) != 0:
            process.check()

    def start(self) -> None:
        """Starts all, side by side, and returns when each is ready. Raises StackError or StackStopped."""
        for service in self.all:
            service.process.start()
        for service in self.all:
            service.process.wait_until(functools.partial(self._is_ready, service), READY_DEADLINE_S, self._stopping)

    def _is_ready(self, service: Service) -> bool:
        self.check()  # no use waiting for one when another has died
        return get(service.port, "/health/ready") == 200

    def check(self) -> None:
        """Raises ProcessDied if one of them has ended."""
        for service in self.all:
            service.process.check()

    def stop(self) -> None:
        """Ends all of them side by side, within 4.5 s. Idempotent."""
        stop_all((service.process for service in self.all), STOP_GRACE_S)

    def development_key(self) -> str:
        """An API key of the tenant `dev` with every scope: the last start's if it still works, else a new one."""
        path = self._directory.path / "dev-key.json"
        try:
            stored = json.loads(path.read_text())["api_key"]
        except (OSError, ValueError, KeyError, TypeError):
            stored = None
        if isinstance(stored, str) and get(self._api_port, "/v1/auth/status", stored) == 200:
            return stored
        created = self._command(
            ["keys", "create", "--tenant", TENANT, "--name", "development", "--json"]
            + [word for scope in SCOPES for word in ("--scope", scope)]
        )
        key = str(created["api_key"])
        write_private(path, json.dumps({"api_key": key}) + "\n")
        return key

    @property
    def erasure_secret_file(self) -> Path | None:
        """Where the secret of erasures is kept; None if one was given in the environment."""
        return None if "PATHBOUND_ERASURE_SECRET" in os.environ else self._directory.path / "erasure-secret"

    def _erasure_secret(self, path: Path) -> str:
        """Made once, and kept with the data: without it the marks of erased persons say nothing."""
        if not path.exists():
            write_private(path, secrets.token_hex(32) + "\n")
        return path.read_text().strip()

    def _command(self, arguments: Sequence[str]) -> dict[str, object]:
        """Runs a sub-command that prints one JSON object. Its output is kept nowhere: it holds a secret."""
        result = subprocess.run(  # noqa: S603 - our own command, no shell
            [*_PATHBOUND, *arguments],
            env=self._environment(0),
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            start_new_session=True,  # out of reach of Ctrl-C, which is ours to handle
            check=False,
        )
        if self._stopping.is_set():
            raise StackStopped
        name = " ".join(arguments[:2])
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise StackError(f"`pathbound {name}` ended with exit status {result.returncode}: {last[:400]}")
        parsed = json.loads(result.stdout.strip().splitlines()[-1])
        if not isinstance(parsed, dict):
            raise StackError(f"`pathbound {name}` printed no JSON object.")
        return parsed

    def _process(self, log_name: str, arguments: Sequence[str], ops_port: int) -> ManagedProcess:
        return ManagedProcess(
            f"pathbound {' '.join(arguments)}",
            [*_PATHBOUND, *arguments],
            log=self._directory.logs / f"{log_name}.log",
            env=self._environment(ops_port),
        )

    def _environment(self, ops_port: int) -> Mapping[str, str]:
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_CHILDREN}
        if (path := self.erasure_secret_file) is not None:
            environment["PATHBOUND_ERASURE_SECRET"] = self._erasure_secret(path)
        return environment | {
            "PATHBOUND_MONGO_URL": self._addresses.mongo_url,
            "PATHBOUND_KAFKA_BOOTSTRAP": self._addresses.kafka_bootstrap,
            "PATHBOUND_API_HOST": HOST,
            "PATHBOUND_API_PORT": str(self._api_port),
            "PATHBOUND_OPS_HOST": HOST,
            "PATHBOUND_OPS_PORT": str(ops_port),
            "PATHBOUND_LOG_FORMAT": "json",
            "PATHBOUND_API_SHUTDOWN_SECONDS": str(DRAIN_S),
            "PATHBOUND_CONSUMER_DRAIN_SECONDS": str(DRAIN_S),
            "PATHBOUND_RELAY_TRANSACTIONS": str(self._addresses.kafka_kind != "mock").lower(),
        }


_PATHBOUND = (sys.executable, "-m", "deploy.cli.main")


def pathbound_program() -> Path:
    """The `pathbound` command of this environment, for people to paste."""
    return Path(sys.executable).with_name("pathbound")


def get(port: int, path: str, api_key: str | None = None) -> int | None:
    """The status of a GET on the loopback port; None if nothing answers in 1.5 s. Proxies are never used."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_HTTP_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {api_key}"} if api_key else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
