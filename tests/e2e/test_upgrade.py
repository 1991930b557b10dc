"""The upgrade and the rollback that deploy/docs/operations.md tells of, to a next version and back, with requests and
visits all the time: nothing acknowledged is lost, nothing is counted twice."""

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random

import aiohttp
import pytest

from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.mongo.migrations.record import LATEST
from service.mongo.store import MongoStore
from service.settings import MongoSettings
from tests.support.api import ApiUser
from tests.support.load import Load, judge
from tests.support.next_version import FIELD, INDEX
from tests.support.running_system import System, running_system
from tests.support.service_processes import HOST, print_seed
from tests.support.versions import NEXT, OURS, UNREADABLE, Program, command, roll
from tests.support.waiting import eventually

CLIENTS, REST_S = 2, 0.25
SOME = 3
"""Contacts more, to see that the load goes on."""


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    """Two of each, so that both versions are at work while one is rolled after the other."""
    async with running_system(mongo_url, kafka_bootstrap) as system:
        second = [system.add_api(), system.add_relay(), system.add_consumer()]
        for one in second:
            one.start()
        for one in second:
            await one.wait_ready()
        yield system


@pytest.fixture
async def other_user(system: System) -> AsyncIterator[ApiUser]:
    """The same client at the second API."""
    http = aiohttp.ClientSession(f"http://{HOST}:{system.apis[1].port}")
    yield ApiUser(http, system.tenant_id, system.user.key_id, system.user.api_key)
    await http.close()


@pytest.mark.timeout(300)
async def test_to_the_next_version_and_back_under_load(system: System, other_user: ApiUser) -> None:
    dice = print_seed("test_to_the_next_version_and_back_under_load")
    load = Load(system, other_user, clients=CLIENTS, rest_s=REST_S)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run())
        await more(load)
        await upgrade(system, load, dice)
        await roll_all(system, OURS, load, dice)
        await more(load)
        assert await without_field(system) >= SOME
        load.stop()

    await judge(system, load)
    assert json.loads((await run(system, OURS, "feed", "verify", "--json")).splitlines()[-1])["complete"]
    rebuilt = json.loads(await run(system, OURS, "profiles", "rebuild", "--dry-run", "--json"))
    assert (rebuilt["wrong"], rebuilt["looked_at"]) == (0, len(load.acknowledged))


async def upgrade(system: System, load: Load, dice: Random) -> None:
    """As an operator does it."""
    said = await run(system, NEXT, "init")
    assert f"MongoDB: migrated to version {LATEST + 1}: tell domains." in said
    await more(load)
    assert await without_field(system) >= SOME  # what the old version has written since
    await roll_all(system, NEXT, load, dice)
    await run(system, NEXT, "init", "--again")
    await more(load)
    assert await without_field(system) == 0
    assert INDEX in await system.core.store.database["contacts"].index_information()


async def more(load: Load) -> None:
    """The load goes on, with every request that it makes."""
    before = len(load.acknowledged)
    await eventually(lambda: load.reached(before + SOME), 30, "more contacts were created")


async def roll_all(system: System, program: Program, load: Load, dice: Random) -> None:
    """One after the other, in any order."""
    processes = system.processes
    dice.shuffle(processes)
    for one in processes:
        await roll(one, program)
        await more(load)
        for other in processes:
            other.check()


async def without_field(system: System) -> int:
    return await system.core.store.database["contacts"].count_documents({FIELD: {"$exists": False}})


async def run(system: System, program: Program, *arguments: str) -> str:
    """A command of either version; what it wrote."""
    settings = {
        "PATHBOUND_OUTBOX_RETENTION_HOURS": "1",
        "PATHBOUND_TOPIC_PARTITIONS": str(system.topics.topic_partitions),
    }
    done = await asyncio.to_thread(command, program, *arguments, env={**system.env, **settings})
    assert done.returncode == 0, done
    return done.stdout


async def test_a_version_that_we_cannot_read_keeps_us_out(
    store: MongoStore, mongo_settings: MongoSettings, kafka_bootstrap: str, topic_prefix: str
) -> None:
    env = {
        "PATHBOUND_MONGO_URL": mongo_settings.mongo_url.get_secret_value(),
        "PATHBOUND_MONGO_DATABASE": mongo_settings.mongo_database,
        "PATHBOUND_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "PATHBOUND_TOPIC_PREFIX": topic_prefix,
        "PATHBOUND_TOPIC_PARTITIONS": "1",
    }
    await build_core(store).use_cases.create_contact(Caller("acme", "key_1", None), CreateContact(email="a@b.example"))
    done = await asyncio.to_thread(command, UNREADABLE, "init", env=env)
    assert f"migrated to version {LATEST + 1}" in done.stdout, done

    for words in (["api"], ["relay"], ["consume", "tracker"], ["init"], ["init", "--again"], ["feed", "verify"]):
        refused = await asyncio.to_thread(command, OURS, *words, env=env)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.splitlines() == [
            f"Error: The database {store.database.name} was migrated to version {LATEST + 1}, which programs before "
            f"version {LATEST + 1} must not use, and this is version {LATEST}: start the newer program."
        ]
    assert (await asyncio.to_thread(command, UNREADABLE, "keys", "list", "--tenant", "acme", env=env)).returncode == 0
