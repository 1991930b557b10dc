"""The system under measurement: a stack of its own in a directory of its own, with the processes that `up` runs."""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pydantic import SecretStr

from deploy.stack import LocalStack
from deploy.stack.ports import RememberedPorts
from deploy.stack.services import TENANT, Services, get
from service.mongo.store import connect, database_of
from service.settings import MongoSettings

Say = Callable[[str], None]
Document = dict[str, Any]

API, RELAY, CONSUMER = "API", "outbox relay", "tracker consumer"
_READY_SECONDS = 60.0
_QUIET_SECONDS = 120.0
_WORKER_SECONDS = 600.0
_LOOK_SECONDS = 0.1


class System:
    """Servers, API and relay run; the consumer only when asked for. Use as an async context manager."""

    tenant_id = TENANT

    def __init__(self, directory: Path, say: Say) -> None:
        self.say = say
        self.directory = directory
        self.api_key = ""
        self.api_port = RememberedPorts(directory / "bench-ports.json").get("api")
        self._stack = LocalStack(directory, progress=say)
        self.stopping = threading.Event()
        self._last_resident: dict[str, int] = {}

    async def __aenter__(self) -> "System":
        try:
            await asyncio.to_thread(self._start)
        except BaseException:
            self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self.client.close()
        await asyncio.to_thread(self._stop)

    def _start(self) -> None:
        os.environ["PATHBOUND_RATE_LIMIT_PER_SECOND"] = "0"  # one key sends all: the limit is not what is measured
        self.addresses = self._stack.start()
        self._services = Services(self._stack.directory, self.addresses, self.api_port, self.stopping)
        self._by_title = {service.title: service for service in self._services.all}
        self.say("Creating topics and indexes ...")
        self._services.init()
        for title in (API, RELAY):
            self.start(title)
        self.api_key = self._services.development_key()
        settings = MongoSettings(mongo_url=SecretStr(self.addresses.mongo_url))
        self.client: AsyncIOMotorClient[Document] = connect(settings)
        self.database: AsyncIOMotorDatabase[Document] = database_of(self.client, settings)

    def _stop(self) -> None:
        self.stopping.set()
        if hasattr(self, "_services"):
            self._services.stop()
        self._stack.stop()

    def start(self, title: str) -> None:
        """Start one of our processes and return when it is ready."""
        service = self._by_title[title]
        service.process.start()
        service.process.wait_until(lambda: get(service.port, "/health/ready") == 200, _READY_SECONDS, self.stopping)

    def stop(self, title: str) -> None:
        """Stop one of our processes. What memory it had at last stays in `resident_bytes`."""
        self._last_resident[title] = psutil.Process(self._by_title[title].process.pid).memory_info().rss
        self._by_title[title].process.stop(grace_s=10)

    def resident_bytes(self) -> dict[str, int]:
        """Of each process, by title: now, or when it was stopped."""
        processes = {service.title: service.process for service in self._services.all if service.process.running()}
        pids = {title: process.pid for title, process in processes.items()}
        for child in psutil.Process().children():
            if child.name() in ("mongod", "java"):
                pids[{"java": "Kafka"}.get(child.name(), child.name())] = child.pid
        return self._last_resident | {title: psutil.Process(pid).memory_info().rss for title, pid in pids.items()}

    async def settle(self) -> None:
        """Wait until the relay has published all: no round pays for the one before."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while await self.database.outbox.find_one({"published_at": None}, {"_id": 1}) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError("the relay does not come to an end of the outbox")
            await asyncio.sleep(_LOOK_SECONDS)

    async def worker(self, module: str, job: dict[str, Any]) -> dict[str, Any]:
        """Run `tests.benchmarks.<module>` in a process of its own, a job in and a result out, both JSON."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"tests.benchmarks.{module}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_WORKER_SECONDS):
                output, _ = await process.communicate(json.dumps(job).encode())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"the worker {module} ended with exit status {process.returncode}")
        result: dict[str, Any] = json.loads(output)
        return result

    async def http(
        self, requests: list[tuple[str, str, Any]], expected: int, per_second: float | None = None
    ) -> dict[str, Any]:
        """Send (method, path, body) requests from another process, 32 at a time and no faster than `per_second`; see
        `http_load`."""
        job = {"port": self.api_port, "key": self.api_key, "requests": requests, "expected": expected}
        return await self.worker("http_load", job | {"rate": per_second})

    async def first_page(self, limit: int) -> dict[str, Any]:
        """The first page of contacts, as the API answers."""
        url = f"http://127.0.0.1:{self.api_port}/v1/contacts?limit={limit}"
        headers = {"Authorization": f"Bearer {self.api_key}"}
        async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as client, client.get(url) as answer:
            page: dict[str, Any] = await answer.json()
        return page

    async def bare(self, task: str, **arguments: Any) -> dict[str, Any]:
        """Run a ceiling in another process; see `bare_driver`."""
        return await self.worker(
            "bare_driver", {"task": task, "mongo_url": self.addresses.mongo_url, "arguments": arguments}
        )
