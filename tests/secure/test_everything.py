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
from tests.secure.conftest import DATABASE, KAFKA_PASSWORD, MONGO_PASSWORD, PREFIX, USER, Secure
from tests.secure.servers import SecureMongod
from tests.support.api import ApiUser
from tests.support.commands import pathbound
from tests.support.service_processes import HOST, ServiceProcess
from tests.support.waiting import eventually

ROLES = (("api", ["api"]), ("relay", ["relay"]), ("tracker", ["consume", "tracker"]))


@pytest.fixture(scope="module")
def env(secure: Secure) -> dict[str, str]:
    """After `pathbound init`."""
    env = secure.env()
    made = pathbound("init", **env)
    assert made.returncode == 0, made.stderr
    assert "topics" in made.stdout
    return env


@pytest.fixture
async def running(secure: Secure, env: dict[str, str]) -> AsyncIterator[dict[str, ServiceProcess]]:
    processes = {name: ServiceProcess(name, words, secure.directory, env) for name, words in ROLES}
    try:
        for process in processes.values():
            process.start()
        for process in processes.values():
            await process.wait_ready()
        yield processes
    finally:
        await asyncio.to_thread(stop_all, [process.process for process in processes.values()], 6)


async def user_of(api: ServiceProcess, env: Mapping[str, str]) -> ApiUser:
    scopes = [word for scope in Scope for word in ("--scope", scope)]
    made = await command("keys", "create", "--tenant", "acme", "--name", "test", *scopes, "--json", **env)
    key = orjson.loads(made)
    return ApiUser(aiohttp.ClientSession(f"http://{HOST}:{api.port}"), "acme", key["key_id"], key["api_key"])


async def command(*words: str, **env: str) -> str:
    """What it printed; it must succeed, and no password may show."""
    done = await asyncio.to_thread(functools.partial(pathbound, *words, **env))
    assert done.returncode == 0, done.stderr
    assert_no_password(done.stdout + done.stderr)
    return done.stdout


def assert_no_password(text: str) -> None:
    for password in (MONGO_PASSWORD, KAFKA_PASSWORD):
        assert password not in text
        assert json.dumps(password)[1:-1] not in text


async def told(env: Mapping[str, str], contact: Mapping[str, Any]) -> None:
    """`pathbound feed tail` prints the contact's creation."""
    words = [sys.executable, "-m", "deploy.cli.main", "feed", "tail", "--from-beginning", "--json"]
    tail = await asyncio.create_subprocess_exec(*words, env={**os.environ, **env}, stdout=subprocess.PIPE)
    assert tail.stdout is not None
    try:
        async with asyncio.timeout(60):
            async for line in tail.stdout:
                if orjson.loads(line)["subject"] == contact["contact_id"]:
                    return
        raise AssertionError("the feed ended")
    finally:
        tail.send_signal(signal.SIGINT)
        assert await tail.wait() == 0


async def visited(user: ApiUser, env: Mapping[str, str], contact: Mapping[str, Any]) -> None:
    """One more visit goes to Kafka, through the consumer, onto the contact's timeline."""

    async def visits() -> int:
        events = await user.events(contact["contact_id"])
        return sum(event["source"] == "tracker" for event in events)

    before = await visits()
    await command("send", "tracker", "--tenant", "acme", "--visitor-id", contact["visitor_id"], **env)

    async def one_more() -> bool:
        return await visits() == before + 1

    await eventually(one_more, 60, "the visit is on the timeline")


async def test_every_part_comes_in_with_a_login(env: dict[str, str], running: dict[str, ServiceProcess]) -> None:
    user = await user_of(running["api"], env)
    contact = await user.create_contact(visitor_id="v-1")
    await told(env, contact)
    await visited(user, env, {**contact, "visitor_id": "v-1"})
    assert (await user.post("/v1/track", {"events": [{"event": "page_view", "visitorId": "v-1"}]})).status == 202

    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert "Every change is there" in await command("feed", "verify", **env)
    await command("feed", "replay", "--tenant", "acme", "--from", yesterday.isoformat(), **env)
    await command("dlq", "list", **env)
    await command("ledger", "--tenant", "acme", **env)
    for process in running.values():
        assert_no_password(process.log_text())
    await user.close()


async def test_new_passwords_need_no_code(
    secure: Secure, env: dict[str, str], running: dict[str, ServiceProcess]
) -> None:
    """Kafka's is read for each connection: nobody is restarted. MongoDB's is read when a process starts."""
    user = await user_of(running["api"], env)
    contact = await user.create_contact(visitor_id="v-2")
    secure.kafka.set_user(USER, "k2")
    secure.mongod.set_user(USER, "m2", [{"role": "readWrite", "db": DATABASE}])
    try:
        refused = pathbound("keys", "list", "--tenant", "acme", **env)
        assert refused.returncode == 1
        assert "MongoDB refuses the login" in refused.stderr

        secure.file("kafka-password", "k2")
        secure.file("mongo-password", "m2")
        secure.kafka.break_connections()
        later = await user.create_contact()
        await told(env, later)
        await visited(user, env, {**contact, "visitor_id": "v-2"})

        await running["api"].restart()
        assert (await user.get(f"/v1/contacts/{later['contact_id']}")).status == 200
    finally:
        secure.file("kafka-password", KAFKA_PASSWORD)
        secure.file("mongo-password", MONGO_PASSWORD)
        secure.kafka.set_user(USER, KAFKA_PASSWORD)
        secure.mongod.set_user(USER, MONGO_PASSWORD, [{"role": "readWrite", "db": DATABASE}])
        await user.close()


async def test_every_part_comes_in_with_a_certificate(secure: Secure, env: dict[str, str]) -> None:
    """Kafka knows the user by the certificate's name; MongoDB asks for a certificate beside the password."""
    mongod = SecureMongod(secure.directory, secure.ca, client_certificates=True)
    try:
        await asyncio.to_thread(mongod.start)
        mongod.set_user(USER, MONGO_PASSWORD, [{"role": "readWrite", "db": DATABASE}])
        certificate = secure.ca.issue(USER)
        by_certificate = env | {
            "PATHBOUND_MONGO_URL": mongod.url,
            "PATHBOUND_MONGO_TLS_CERT_FILE": str(certificate.both),
            "PATHBOUND_KAFKA_BOOTSTRAP": secure.kafka.certificate,
            "PATHBOUND_KAFKA_SECURITY_PROTOCOL": "SSL",
            "PATHBOUND_KAFKA_SASL_USERNAME": "",
            "PATHBOUND_KAFKA_SASL_PASSWORD_FILE": "",
            "PATHBOUND_KAFKA_TLS_CERT_FILE": str(certificate.cert),
            "PATHBOUND_KAFKA_TLS_KEY_FILE": str(certificate.key),
            "PATHBOUND_TOPIC_PREFIX": f"{PREFIX}certificate.",
        }
        await command("init", **by_certificate)
        processes = [ServiceProcess(f"{name}-cert", words, secure.directory, by_certificate) for name, words in ROLES]
        try:
            for process in processes:
                process.start()
            for process in processes:
                await process.wait_ready()
            user = await user_of(processes[0], by_certificate)
            contact = await user.create_contact(visitor_id="v-3")
            await told(by_certificate, contact)
            await visited(user, by_certificate, {**contact, "visitor_id": "v-3"})
            await user.close()
        finally:
            await asyncio.to_thread(stop_all, [process.process for process in processes], 6)
    finally:
        await asyncio.to_thread(mongod.process.stop, 4)
