"""`pathbound feed` and what it says of what cannot be done."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.bootstrap import open_core
from deploy.stack import containers
from deploy.stack import kafka as stack_kafka
from service.kafka.topics import create_topics
from service.mongo.indexes import create_indexes
from service.mongo.store import MongoStore, connect, database_of
from service.settings import MongoSettings, TopicSettings
from tests.support.api import ApiUser, serve
from tests.support.commands import environment, pathbound
from tests.support.feed import LIFE, Feed, kafka_admin, live
from tests.support.relay import read_committed
from tests.support.service_processes import own_stack
from tests.support.waiting import eventually

COMMAND = [sys.executable, "-m", "deploy.cli.main", "feed"]


async def pathbound_feed(env: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(lambda: pathbound("feed", *arguments, **env))


async def test_verify_says_that_all_is_there_and_names_what_is_not(
    feed: Feed, own_api: ApiUser, env: dict[str, str]
) -> None:
    contact_id = await live(own_api)
    await feed.relay()
    lost = await live(own_api)
    records = await feed.waiting(lost)
    await feed.put([*records[:1], *records[3:]])

    whole = await pathbound_feed(env, "verify", "--tenant", "somebody-else")
    assert (whole.returncode, whole.stdout.splitlines()) == (
        0,
        [
            "0 events of 0 contacts read. Every change is there, in order.",
            "0 contacts compared with contacts.snapshot. It is what the database has.",
        ],
    )

    found = await pathbound_feed(env, "verify")
    assert found.returncode == 1
    assert f"{own_api.tenant_id} {lost}: missing 2 to 3 of {len(LIFE)}\n" in found.stdout
    assert contact_id not in found.stdout
    assert "1 contacts have gaps" in found.stdout

    machine = await pathbound_feed(env, "verify", "--json")
    assert machine.returncode == 1
    *verdicts, summary = [json.loads(line) for line in machine.stdout.splitlines()]
    assert {one["contact_id"]: one["missing"] for one in verdicts} == {contact_id: [], lost: [[2, 3]]}
    assert (summary["complete"], summary["contacts"], summary["faulty"]) == (False, 2, 1)
    assert summary["snapshots"] == {"compared": 0, "faulty": 0, "waiting": 0, "untold": 0}


async def test_tail_prints_from_the_beginning_and_goes_on(feed: Feed, own_api: ApiUser, env: dict[str, str]) -> None:
    contact_id = await live(own_api)
    await feed.relay()

    async def lines(count: int, *arguments: str) -> list[str]:
        """So many lines, then Ctrl-C, which is no failure."""
        whole = {**os.environ, **env, "PYTHONUNBUFFERED": "1"}
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "tail", *arguments, env=whole, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(40):
                found = [(await process.stdout.readline()).decode().rstrip() for _ in range(count)]
        finally:
            process.send_signal(signal.SIGINT)
            status = await process.wait()
        assert status == 0
        return found

    told = await lines(len(LIFE), "--from-beginning")
    assert [line.split("  ")[1:5] for line in told] == [
        [own_api.tenant_id, contact_id, f"#{number}", kind] for number, kind in enumerate(LIFE, 1)
    ]
    assert "city, lifecyclestage, plan" in told[1]
    assert not [line for line in told if "Rome" in line]
    timeline = await lines(len(LIFE), "--from-beginning", "--topic", "contacts.timeline")
    assert {tuple(line.split("  ")[1:4]) for line in timeline} == {
        (own_api.tenant_id, contact_id, "timeline.event_added")
    }
    assert [line for line in timeline if "  crm contact_created of 20" in line]
    [last] = await lines(1, "--from-beginning", "--json", "--topic", "contacts.snapshot")
    assert (json.loads(last)["subject"], json.loads(last)["data"]) == (contact_id, None)
    notes = await lines(1, "--from-beginning", "--json", "--type", "note.deleted", "--tenant", own_api.tenant_id)
    assert json.loads(notes[0])["data"].keys() == {"note_id"}


async def test_snapshots_are_judged_and_rebuilt(feed: Feed, own_api: ApiUser, env: dict[str, str]) -> None:
    kept, changed = [(await own_api.create_contact())["contact_id"] for _ in range(2)]
    await feed.relay()
    await feed.store.database["contacts"].update_one({"_id": changed}, {"$set": {"properties.city": "by hand"}})

    wrong = await pathbound_feed(env, "verify")
    assert wrong.returncode == 1
    assert f"{own_api.tenant_id} {changed}: its snapshot is not what the database has\n" in wrong.stdout
    assert kept not in wrong.stdout

    rebuilding = asyncio.create_task(pathbound_feed(env, "rebuild-snapshot"))

    async def asked() -> bool:
        return await feed.store.rebuilds.waiting(9) == 2

    await eventually(asked, 40, "the snapshots are asked for")
    await feed.relay()
    assert (await rebuilding).stdout == "Published 2 snapshots to contacts.snapshot.\n"


async def test_replay_publishes_again(feed: Feed, own_api: ApiUser, env: dict[str, str]) -> None:
    contact_id = await live(own_api)
    await feed.relay()
    start = (await feed.waiting(contact_id))[0].committed_at.isoformat()

    done = await pathbound_feed(env, "replay", "--tenant", own_api.tenant_id, "--from", start)

    assert (done.returncode, done.stdout) == (0, f"Published {len(LIFE)} events again to {feed.name}.\n")
    assert len(await read_committed(feed.bootstrap, feed.name)) == 2 * len(LIFE)
    assert (await pathbound_feed(env, "verify")).returncode == 0


BAD: list[tuple[list[str], str]] = [
    (["tail", "--type", "contact.exploded"], "'contact.exploded' is not one of"),
    (["tail", "--tenant", "no such"], "must match"),
    (["tail", "--topic", "contacts.timeline", "--type", "note.created"], "There is no note.created on contacts."),
    (["replay", "--tenant", "t", "--from", "yesterday"], "must be an ISO 8601 time"),
    (
        ["replay", "--tenant", "t", "--from", "2026-11-23T10:00:00Z", "--to", "2026-11-23T09:00:00Z"],
        "The range ends (2026-11-23T09:00:00.000Z) before it begins (2026-11-23T10:00:00.000Z): give a --to",
    ),
    (["replay", "--tenant", "t", "--from", "2020-01-01"], "are no longer kept for replay: give a later --from."),
]


async def test_bad_input_is_one_sentence_and_status_2(feed: Feed, env: dict[str, str]) -> None:
    for arguments, sentence in BAD:
        done = await pathbound_feed(env, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


async def test_without_the_topic_it_says_how_to_make_it(store: MongoStore, env: dict[str, str]) -> None:
    done = await pathbound_feed({**env, "PATHBOUND_TOPIC_PREFIX": "nothing."}, "verify")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: There is no topic nothing.contacts.changes: make it with `pathbound init`.",
    )


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Servers of the test's own; Kafka minds ACLs, where a topic has any."""
    authorizer = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    lines = "".join(f"{name}={value}\n" for name, value in authorizer.items())
    monkeypatch.setattr(stack_kafka, "_PROPERTIES", stack_kafka._PROPERTIES + lines)
    configure = containers._configure_kafka

    def configure_guarded(container: Any, port: int, data: Path) -> None:
        configure(container, port, data)
        for name, value in authorizer.items():
            container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)

    monkeypatch.setattr(containers, "_configure_kafka", configure_guarded)
    with own_stack() as stack:
        yield stack


async def test_what_an_acl_forbids_is_told_and_nothing_is_published(guarded: Any) -> None:
    mongo = MongoSettings(mongo_url=guarded.mongod.address, mongo_database="guarded")
    topics = TopicSettings(kafka_bootstrap=guarded.kafka.address, topic_partitions=2)
    await create_topics(topics)
    client = connect(mongo)
    await create_indexes(database_of(client, mongo), outbox_retention_seconds=3600)
    client.close()
    async with open_core(mongo) as core, serve(core) as url:
        user = await ApiUser.create(url, core)
        feed = Feed(core.store, guarded.kafka.address, "")
        contact_id = await live(user)
        await feed.relay()
        start = (await feed.waiting(contact_id))[0].committed_at.isoformat()
        env = environment(guarded.mongod.address, mongo.mongo_database, feed.bootstrap, feed.prefix)
        admin = kafka_admin.AdminClient({"bootstrap.servers": feed.bootstrap})
        for future in admin.create_topics([kafka_admin.NewTopic(name, 2, 1) for name in ("hidden", "shown")]).values():
            future.result(20)
        rules = [
            rule("hidden", "User:somebody", kafka_admin.AclOperation.ALL),
            rule("shown", "User:somebody", kafka_admin.AclOperation.ALL),
            rule("shown", "User:ANONYMOUS", kafka_admin.AclOperation.DESCRIBE),
            rule("shown", "User:ANONYMOUS", kafka_admin.AclOperation.READ),
        ]
        for future in admin.create_acls(rules).values():
            future.result(20)

        for topic, doing in (("hidden", "read"), ("shown", "publish to")):

            async def forbidden(topic: str = topic, doing: str = doing) -> bool:
                """Once the broker has heard of the rule."""
                done = await pathbound_feed(
                    env, "replay", "--tenant", user.tenant_id, "--from", start, "--topic", topic
                )
                return done.returncode == 2 and f"Kafka's ACLs forbid to {doing} {topic}: allow" in done.stderr

            await eventually(forbidden, 60, f"{topic} is refused")
        assert await read_committed(feed.bootstrap, "shown") == []

        for future in admin.create_acls(
            [rule("contacts.changes", "User:somebody", kafka_admin.AclOperation.ALL)]
        ).values():
            future.result(20)

        async def unreadable() -> bool:
            done = await pathbound_feed(env, "verify")
            return done.returncode == 2 and "Kafka's ACLs forbid to read contacts.changes: allow Read" in done.stderr

        await eventually(unreadable, 60, "reading is refused")
        await user.close()


def rule(topic: str, who: str, operation: Any) -> Any:
    kind, pattern = kafka_admin.ResourceType.TOPIC, kafka_admin.ResourcePatternType.LITERAL
    return kafka_admin.AclBinding(kind, topic, pattern, who, "*", operation, kafka_admin.AclPermissionType.ALLOW)
