"""One size: a database of its own with so many seeded contacts, and an API over it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from deploy.stack.processes import ManagedProcess
from deploy.stack.services import SCOPES, TENANT, get
from tests.benchmarks.system import Document, System

RARE = 20
"""Contacts that every rare value has, at every size: a page's worth."""
RARE_PROPERTIES = {
    "firstname": "Zyxwen",
    "lastname": "Quuxley",
    "company": "Vwxyz Holdings",
    "jobtitle": "Keeper of Quokkas",
    "lead_status": "rare",
    "country": "Atlantis",
    "industry": "Alchemy",
    "city": "Poseidonis",
    "state": "Deep",
}
RARE_COMPANY = "co_rare"
_READY_SECONDS = 60.0
_PATHBOUND = (sys.executable, "-m", "deploy.cli.main")


@dataclass
class Sized:
    """The API over one size, and what it did for a request."""

    contacts: int
    database: Any
    http: aiohttp.ClientSession
    api_key: str
    seeded_per_second: float = 0.0
    ids: list[str] = field(default_factory=list)

    async def get(self, path: str, params: dict[str, str] | None = None) -> tuple[float, dict[str, Any]]:
        """A GET's milliseconds, to the last byte, and its body; of a 503 too: what takes too long is given up."""
        query = f"?{urlencode(params)}" if params else ""
        started = time.perf_counter()
        async with self.http.get(path + query) as response:
            raw = await response.read()
        took = (time.perf_counter() - started) * 1000
        if response.status not in (200, 503):
            raise RuntimeError(f"GET {path}{query}: {response.status} {raw[:200].decode()}")
        body: dict[str, Any] = json.loads(raw)
        return took, body

    async def examined(self, path: str, params: dict[str, str]) -> tuple[int, int]:
        """Keys and documents that MongoDB looked at for one request, over all its queries: the profiler's account."""
        await self.database.command("profile", 2)
        try:
            await self.get(path, params)
        finally:
            await self.database.command("profile", 0)
        profile = self.database["system.profile"]
        ours = {"appName": "pathbound", "keysExamined": {"$exists": True}, "ns": {"$not": {"$regex": "system"}}}
        operations = await profile.find(ours).to_list(None)
        await profile.drop()
        if not operations:
            raise RuntimeError(f"the profiler saw nothing of GET {path}")
        return sum(one["keysExamined"] for one in operations), sum(one["docsExamined"] for one in operations)


@asynccontextmanager
async def sized(system: System, directory: Path, contacts: int, port: int) -> AsyncIterator[Sized]:
    """Seed a database of its own (a third as many visits), add the rare ones, and serve it."""
    name = f"size_{contacts}"
    env = {**os.environ, "PATHBOUND_MONGO_URL": system.addresses.mongo_url, "PATHBOUND_MONGO_DATABASE": name}
    env |= {"PATHBOUND_KAFKA_BOOTSTRAP": system.addresses.kafka_bootstrap, "PATHBOUND_API_PORT": str(port)}
    await _pathbound(env, ["init"])
    system.say(f"Seeding {contacts:,} contacts ...")
    started = time.perf_counter()
    await _pathbound(env, ["seed", "--contacts", str(contacts), "--events", str(contacts // 3)])
    per_second = contacts / (time.perf_counter() - started)
    system.say(f"{per_second:,.0f} contacts/s, indexes and the command's start included")
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    made = json.loads(await _pathbound(env, ["keys", "create", "--tenant", TENANT, "--json", *scopes]))
    api = ManagedProcess(f"API {name}", [*_PATHBOUND, "api"], log=directory / f"api-{name}.log", env=env)
    await asyncio.to_thread(api.start)
    try:
        ready = partial(get, port, "/health/ready")
        await asyncio.to_thread(api.wait_until, lambda: ready() == 200, _READY_SECONDS, system.stopping)
        headers = {"Authorization": f"Bearer {made['api_key']}"}
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as http:
            one = Sized(contacts, system.client[name], http, str(made["api_key"]), per_second)
            await _add_rare(one)
            one.ids = await _some_ids(one.database)
            yield one
    finally:
        await asyncio.to_thread(api.stop, 10)


async def _pathbound(env: dict[str, str], arguments: Sequence[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *_PATHBOUND, *arguments, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"`pathbound {arguments[0]}` ended with exit status {process.returncode}")
    return output.decode()


async def _add_rare(one: Sized) -> None:
    for number in range(RARE):
        body = {
            "email": f"zyxwen.quuxley.{number}@vwxyz-holdings.example",
            "properties": {**RARE_PROPERTIES, "linkedin_url": f"https://www.linkedin.com/in/zyxwen-{number}"},
            "company_id": RARE_COMPANY,
        }
        async with one.http.post("/v1/contacts", json=body) as response:
            if response.status != 201:
                raise RuntimeError(f"a rare contact was refused: {response.status}")


async def _some_ids(database: Any) -> list[str]:
    """Contacts with a timeline, of those that the profile's ids happen to begin with."""
    found: list[Document] = await database["profiles"].find({}, {"_id": 1}).limit(200).to_list(None)
    return [document["_id"] for document in found]
