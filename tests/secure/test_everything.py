"""Every part comes in through TLS and a login (or a client's certificate), with no more rights than are written."""

import asyncio
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest

from deploy.stack.processes import stop_all
from schemas.scopes import Scope
from tests.secure.conftest import PASSWORD, Secure
from tests.secure.rights import ROLES, grant_on_mongodb
from tests.secure.servers import SecureMongod
from tests.support.api import ApiUser
from tests.support.commands import pathbound
from tests.support.service_processes import HOST, ServiceProcess
from tests.support.waiting import eventually

_TOLD_S = 90

PROCESSES = {"api": ["api"], "relay": ["relay"], "tracker": ["consume", "tracker"]}
"""By role."""


class World:
    """The processes, each in its role, and an operator."""

    def __init__(self, envs: Mapping[str, dict[str, str]], secure: Secure, name: str) -> None:
        self._envs = envs
        self._name = name
        self.of = {
            role: ServiceProcess(f"{name}-{role}", words, secure.directory, envs[role])
            for role, words in PROCESSES.items()
        }
        self.user: ApiUser

    async def start(self) -> None:
        """After `pathbound init`."""
        assert "topics" in await self.command("init", role="init")
        for process in self.of.values():
            process.start()
        for process in self.of.values():
            await process.wait_ready()
        scopes = [word for scope in Scope for word in ("--scope", scope)]
        made = await self.command("keys", "create", "--tenant", "acme", "--name", "test", *scopes, "--json")
        key, http = orjson.loads(made), aiohttp.ClientSession(f"http://{HOST}:{self.of['api'].port}")
        self.user = ApiUser(http, "acme", key["key_id"], key["api_key"])

    async def stop(self) -> None:
        await asyncio.to_thread(stop_all, [process.process for process in self.of.values()], 6)
        if hasattr(self, "user"):
            await self.user.close()

    async def command(self, *words: str, role: str = "operator") -> str:
        """What it printed; it must succeed, and no password may show."""
        done = await asyncio.to_thread(functools.partial(pathbound, *words, **self._envs[role]))
        assert done.returncode == 0, done.stderr
        assert_no_password(done.stdout + done.stderr)
        return done.stdout

    async def told(self, contact: Mapping[str, Any]) -> None:
        """`pathbound feed tail` prints the contact's creation."""
        words = [sys.executable, "-m", "deploy.cli.main", "feed", "tail", "--from-beginning", "--json"]
        env = {**os.environ, **self._envs["operator"]}
        tail = await asyncio.create_subprocess_exec(*words, env=env, stdout=subprocess.PIPE)
        assert tail.stdout is not None
        try:
            async with asyncio.timeout(_TOLD_S):
                while orjson.loads(await tail.stdout.readline())["subject"] != contact["contact_id"]:
                    pass
        finally:
            tail.send_signal(signal.SIGINT)
            assert await tail.wait() == 0

    async def visited(self, contact: Mapping[str, Any], visitor_id: str) -> None:
        """One more visit goes to Kafka, through the consumer, onto the contact's timeline."""
        before = await self._visits(contact)
        await self.command("send", "tracker", "--tenant", "acme", "--visitor-id", visitor_id)

        async def one_more() -> bool:
            return await self._visits(contact) == before + 1

        await eventually(one_more, _TOLD_S, "the visit is on the timeline")

    async def _visits(self, contact: Mapping[str, Any]) -> int:
        return sum(event["source"] == "tracker" for event in await self.user.events(contact["contact_id"]))


def assert_no_password(text: str) -> None:
    assert PASSWORD not in text
    assert json.dumps(PASSWORD)[1:-1] not in text


@pytest.fixture
async def world(secure: Secure) -> AsyncIterator[World]:
    world = World({role: secure.env(role) for role in ROLES}, secure, "login")
    try:
        await world.start()
        yield world
    finally:
        await world.stop()


async def test_every_part_comes_in_with_a_login(world: World) -> None:
    contact = await world.user.create_contact(visitor_id="v-1")
    await world.told(contact)
    await world.visited(contact, "v-1")
    visit = {"events": [{"event": "page_view", "visitorId": "v-1"}]}
    assert (await world.user.post("/v1/track", visit)).status == 202

    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert "Every change is there" in await world.command("feed", "verify")
    await world.command("feed", "replay", "--tenant", "acme", "--from", yesterday.isoformat())
    await world.command("dlq", "list")
    await world.command("ledger", "--tenant", "acme")
    for process in world.of.values():
        assert_no_password(process.log_text())


async def test_new_passwords_need_no_code(secure: Secure, world: World) -> None:
    """Kafka's is read for each connection: nobody is restarted. MongoDB's is read when a process starts."""
    contact = await world.user.create_contact(visitor_id="v-2")
    try:
        for role in ROLES:
            secure.kafka.set_password(role, "another")
        secure.file("kafka-password", "another")
        secure.kafka.break_connections()
        await world.told(await world.user.create_contact())
        await world.visited(contact, "v-2")

        for role in ROLES:
            secure.mongod.set_password(role, "another")
        refused = await asyncio.to_thread(lambda: pathbound("keys", "list", **secure.env("operator")))
        assert refused.returncode == 1
        assert "MongoDB refuses the login" in refused.stderr
        secure.file("mongo-password", "another")
        await world.of["api"].restart()
        assert (await world.user.get(f"/v1/contacts/{contact['contact_id']}")).status == 200
    finally:
        for role in ROLES:
            secure.kafka.set_password(role, PASSWORD)
            secure.mongod.set_password(role, PASSWORD)
        secure.file("kafka-password", PASSWORD)
        secure.file("mongo-password", PASSWORD)


async def test_every_part_comes_in_with_a_certificate(secure: Secure) -> None:
    """Kafka knows the user by the certificate's name; MongoDB asks for a certificate beside the password."""
    mongod = SecureMongod(secure.directory, secure.ca, client_certificates=True)
    world = World({role: secure.env_by_certificate(role, mongod) for role in ROLES}, secure, "certificate")
    try:
        await asyncio.to_thread(mongod.start)
        grant_on_mongodb(mongod, PASSWORD)
        await world.start()
        contact = await world.user.create_contact(visitor_id="v-3")
        await world.told(contact)
        await world.visited(contact, "v-3")
    finally:
        await world.stop()
        await asyncio.to_thread(mongod.process.stop, 4)
