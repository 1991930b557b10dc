"""The API, a relay or a consumer as a process of its own, and servers of its own."""

import asyncio
import json
import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy.stack import LocalStack
from deploy.stack.directory import DataDirectory
from deploy.stack.processes import ManagedProcess
from tests.support.commands import RunningCommand
from tests.support.waiting import eventually

HOST = "127.0.0.1"
READY_S = 40.0


@contextmanager
def own_stack(kafka_bootstrap: str | None = None) -> Iterator[LocalStack]:
    """Servers that a test may stop, kill and start again, with nobody else on them; where it leaves Kafka alone, the
    run's is as good, and saves the start of another."""
    with (
        tempfile.TemporaryDirectory(prefix="pathbound-own-") as directory,
        LocalStack(Path(directory), kafka_bootstrap=kafka_bootstrap) as stack,
    ):
        yield stack


def print_seed(name: str) -> random.Random:
    """Randomness that can be had again: give PATHBOUND_TEST_SEED what a failed run printed."""
    seed = int(os.environ.get("PATHBOUND_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"{name}: PATHBOUND_TEST_SEED={seed}")
    return random.Random(seed)


@dataclass(frozen=True)
class Health:
    """An answer of `/health/…` and how long it took."""

    status: int
    body: dict[str, Any]
    seconds: float


class ServiceProcess:
    """One `pathbound` sub-command that runs until it is stopped or killed, and may be started again."""

    def __init__(self, name: str, arguments: Sequence[str], directory: DataDirectory, env: Mapping[str, str]) -> None:
        self.port = directory.ports.get(name)
        ports = {"PATHBOUND_API_PORT": str(self.port), "PATHBOUND_OPS_PORT": str(self.port)}
        self.arguments = arguments
        self.env = {**os.environ, **env, **ports}
        log = directory.logs / f"{name}.log"
        self.process: ManagedProcess = RunningCommand(name, arguments, log=log, env=self.env)

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        self.process.start()

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()

    def check(self) -> None:
        """Raises ProcessDied if it has ended."""
        self.process.check()

    async def health(self, path: str) -> Health | None:
        """GET /health/<path>; None if nothing answers."""
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
                http.get(f"http://{HOST}:{self.port}/health/{path}") as response,
            ):
                return Health(response.status, await response.json(), clock() - started)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def wait_ready(self, *, degraded: bool = False) -> None:
        """Until it answers that it is ready, with everything that it needs unless `degraded`."""

        async def ready() -> bool:
            self.process.check()
            health = await self.health("ready")
            return health is not None and health.status == 200 and (degraded or "degraded" not in health.body)

        await eventually(ready, READY_S, f"{self.process.name} is ready; its log: {self.process.output()[-2000:]}")

    async def restart(self) -> None:
        """kill -9, start, wait until ready."""
        self.kill()
        self.start()
        await self.wait_ready()

    def log_text(self) -> str:
        """All it has written over all its starts."""
        return self.process.log.read_text()

    def log_lines(self) -> list[dict[str, Any]]:
        """The same as objects. Raises where a line is not one JSON object."""
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        assert all(isinstance(line, dict) for line in lines)
        return lines
