"""A backup, more work, the loss of MongoDB, the restore as deploy/docs/operations.md tells it: nothing that a source
sent is lost, nothing is counted twice, and subscribers that begin anew see what the database holds."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import OFFSET_END, TopicPartition

from deploy.stack import LocalStack
from deploy.stack.mongod import direct_client
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.ledger.model import Outcome
from tests.support.commands import pathbound
from tests.support.feed import kafka_admin
from tests.support.load import judge_ledger
from tests.support.relay import read_committed
from tests.support.running_system import System, running_system
from tests.support.service_processes import own_stack
from tests.support.tracker_fixtures import event_id
from tests.support.waiting import eventually

PEOPLE, VISITS = 6, 40


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    with own_stack() as stack:
        yield stack


def data_of(stack: LocalStack) -> Path:
    """MongoDB's directory; in a container it stands there under another name."""
    local = stack.directory.path / "mongo"
    return local if local.exists() else local.with_name("mongo-container")


@contextmanager
def locked(stack: LocalStack) -> Iterator[Path]:
    """MongoDB's directory while it may be copied: writers wait."""
    port = int(stack.mongod.address.rsplit(":", 1)[1].split("/")[0])
    with direct_client(port) as client:
        client.admin.command("fsync", lock=True)
        try:
            yield data_of(stack)
        finally:
            client.admin.command("fsyncUnlock")


def back_up(stack: LocalStack, backup: Path) -> None:
    with locked(stack) as data:
        shutil.copytree(data, backup, ignore=shutil.ignore_patterns("mongod.lock"))


def restore(stack: LocalStack, backup: Path) -> None:
    data = data_of(stack)
    stack.mongod.kill()
    shutil.rmtree(data)
    shutil.copytree(backup, data)
    stack.mongod.start()


class Visits:
    """What trackers have sent."""

    def __init__(self, system: System) -> None:
        self._system = system
        self.sent: dict[str, set[str]] = {}

    async def send(self, *visitors: str) -> None:
        messages = [
            {"event": "page_view", "visitorId": one, "message_id": uuid.uuid4().hex, "sessionId": f"s-{one}"}
            for one in visitors * VISITS
        ]
        await self._system.send([*messages, {"event": 7, "visitorId": visitors[0]}])
        for message in messages:
            self.sent.setdefault(message["visitorId"], set()).add(message["message_id"])
        await self._system.all_consumed()


async def command(system: System, *arguments: str) -> "subprocess.CompletedProcess[str]":
    settings = {
        "PATHBOUND_OUTBOX_RETENTION_HOURS": "1",
        "PATHBOUND_TOPIC_PARTITIONS": str(system.topics.topic_partitions),
    }
    done = await asyncio.to_thread(pathbound, *arguments, **system.env, **settings)
    assert done.returncode == 0, done
    return done


async def rewind(system: System) -> None:
    """Killed members are in their group until Kafka misses them; until then it refuses."""

    async def done() -> bool:
        with contextlib.suppress(AssertionError):
            return bool((await command(system, "rewind", "--margin", "20")).stdout)
        return False

    await eventually(done, 60, "the groups are empty, and set back")


@asynccontextmanager
async def stopped(system: System) -> AsyncIterator[None]:
    """No process of ours runs."""
    for process in system.processes:
        process.kill()
    yield
    await system.start()


@pytest.mark.timeout(400)
async def test_what_was_backed_up_is_restored_and_the_sources_fill_the_rest(stack: LocalStack, tmp_path: Path) -> None:
    async with running_system(stack.mongod.address, stack.kafka.address) as system:
        user, visits = system.user, Visits(system)
        people = [await user.create_contact(f"c{n}@example.com", visitor_id=f"v-{n}") for n in range(PEOPLE)]
        await visits.send("v-0", "v-1", "later")
        await asyncio.to_thread(back_up, stack, tmp_path / "backup")
        kept = {one["contact_id"]: await detail(system, one["contact_id"]) for one in people}

        await change_more(system, people)
        await visits.send("v-0", "v-2", "later")
        await system.outbox_empty()
        lost = list(map(orjson.loads, await values(system, CONTACTS_CHANGES)))

        async with stopped(system):
            await asyncio.to_thread(restore, stack, tmp_path / "backup")
            refused = await command(system, "rewind", "--dry-run")
            assert "back to 0" in refused.stdout
            await rewind(system)
            await new_feed(system, stack)
        await command(system, "feed", "rebuild-snapshot")
        await system.all_consumed()

        for contact_id, before in kept.items():
            assert stored(await detail(system, contact_id)) == stored(before)
        assert (await user.get("/v1/contacts", params={"count_only": "true"})).body["count"] == PEOPLE
        await judge_visits(system, visits, {f"v-{n}": one["contact_id"] for n, one in enumerate(people)})
        await judge_ledger(system)
        rows = await system.core.store.ledger.rows()
        assert sum(row.counts[Outcome.DEAD_LETTERED] for row in rows) == 2
        await recover(system, lost, kept, tmp_path)
        await judge_new_feed(system)


async def detail(system: System, contact_id: str) -> Any:
    reply = await system.user.get(f"/v1/contacts/{contact_id}")
    assert reply.status == 200, reply
    return reply.body


def stored(shown: Any) -> dict[str, Any]:
    """The contact itself; when it was last seen follows from its events."""
    return {**shown["contact"], "last_activity_at": None}


async def values(system: System, topic: str) -> list[bytes]:
    return [record.value for record in await read_committed(system.topics.kafka_bootstrap, system.topic(topic))]


async def change_more(system: System, people: list[Any]) -> None:
    """What the backup does not have."""
    path = f"/v1/contacts/{people[0]['contact_id']}"
    assert (await system.user.request("PUT", path, json={"properties": {"city": "Oslo"}})).status == 200
    assert (await system.user.request("DELETE", f"/v1/contacts/{people[5]['contact_id']}")).status == 200
    await system.user.create_contact("later@example.com", visitor_id="later", properties={"city": "Bergen"})


async def new_feed(system: System, stack: LocalStack) -> None:
    """Nothing from before is on the feed. Of a compacted topic no part can be removed: that one is made anew."""
    admin = kafka_admin.AdminClient({"bootstrap.servers": stack.kafka.address})
    topic = system.topic(CONTACTS_CHANGES)
    partitions = [TopicPartition(topic, number, OFFSET_END) for number in range(system.topics.topic_partitions)]
    futures = [*admin.delete_records(partitions).values()]
    futures += admin.delete_topics([system.topic(CONTACTS_SNAPSHOT)], operation_timeout=30).values()
    for future in futures:
        await asyncio.to_thread(future.result)
    await command(system, "init")


async def judge_visits(system: System, visits: Visits, owners: dict[str, str]) -> None:
    """Each visit is where it belongs, once, and counted once; a rebuild from all that is stored finds nothing wrong."""
    for visitor, messages in visits.sent.items():
        expected = {event_id(system.tenant_id, one) for one in messages}
        if visitor in owners:
            found = [event["event_id"] for event in await system.tracked(owners[visitor])]
            profile = (await detail(system, owners[visitor]))["unified_profile"]
            assert (profile["page_views"], profile["sessions"]) == (len(messages), 1)
        else:
            listed = await system.core.store.database["events"].find({"visitor_id": visitor}).to_list(None)
            found = [event["_id"] for event in listed]
        assert Counter(found) == Counter(expected)
    rebuilt = json.loads((await command(system, "profiles", "rebuild", "--dry-run", "--json")).stdout)
    assert (rebuilt["wrong"], rebuilt["looked_at"]) == (0, PEOPLE)


async def judge_new_feed(system: System) -> None:
    """A subscriber that begins anew has everyone as the database has, and then every change."""
    await system.outbox_empty()
    verdict = json.loads((await command(system, "feed", "verify", "--json")).stdout.splitlines()[-1])
    assert verdict["complete"], verdict
    latest = {}
    for record in await read_committed(system.topics.kafka_bootstrap, system.topic(CONTACTS_SNAPSHOT)):
        latest[record.key.decode()] = orjson.loads(record.value)
    contacts = await system.core.store.database["contacts"].find().to_list(None)
    assert {one["_id"]: one["sequence"] for one in contacts} == {key: one["sequence"] for key, one in latest.items()}
    for one in contacts:
        assert latest[one["_id"]]["data"]["contact"]["email"] == one["email"]


async def recover(system: System, lost: list[Any], kept: dict[str, Any], directory: Path) -> None:
    """What clients had written since the backup, from the events saved before the feed was emptied."""
    told = [event for event in lost if event["sequence"] > 1 or event["subject"] not in kept]
    path = directory / "lost.jsonl"
    path.write_bytes(b"".join(orjson.dumps(e["data"]["contact"]) + b"\n" for e in told if "contact" in e["data"]))
    done = await command(system, "import", str(path), "--tenant", system.tenant_id, "--json")
    counts = json.loads(done.stdout)
    assert (counts["created"], counts["updated"], counts["refused"]) == (1, 1, 0)
    found = (await system.user.get("/v1/contacts", params={"search": "later"})).body["contacts"]
    assert [one["properties"]["city"] for one in found] == ["Bergen"]
    # What the visitor did on both sides of the backup is this contact's.
    profile = (await detail(system, found[0]["contact_id"]))["unified_profile"]
    assert profile["page_views"] == 2 * VISITS
