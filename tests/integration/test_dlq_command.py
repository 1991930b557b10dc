"""`pathbound dlq`: what could not be handled is found, shown, and sent again once its fault is mended."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import REGISTRY

from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.depth import depth_measure
from consumers.runtime.letters import Letter, Selection, open_letters
from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.records import to_record
from consumers.runtime.redrive import Redriver, RedriveReport
from schemas.positions import Position
from schemas.timestamps import iso_millis
from schemas.topics import TRACKER_EVENTS, dead_letters_of
from service.kafka.admin import open_admin
from service.kafka.topics import create_topics
from service.mongo.store import MongoStore
from service.redrive.model import Claim
from service.settings import TopicSettings
from tests.support.commands import in_bash, pathbound, pathbound_bytes
from tests.support.relay import read_committed

FIRST_RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FAILED_AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOSTILE = b'{"title":"\x1b]0;owned\x07\x1b[2J"}\nnext line \xff \xe2\x80\xae'


class Letters:
    """Puts records aside, as a consumer does, and reads both topics."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.topic = f"{prefix}{TRACKER_EVENTS}"
        self.dlq = dead_letters_of(self.topic)

    async def put(self, *values: bytes | None, reason: str = "event: missing", partition: int = 0, **more: Any) -> None:
        letters = [
            InvalidRecord(
                Record(self.topic, partition, 100 + n, b"k", value, FIRST_RECEIVED, **more), reason, "Invalid"
            )
            for n, value in enumerate(values)
        ]
        dead_letters = DeadLetters(self.bootstrap, "pathbound.tracker", lambda: FAILED_AT)
        await dead_letters.publish(letters)
        await dead_letters.close()

    async def read(self, asked: Selection | None = None) -> list[Letter]:
        async with open_letters(self.bootstrap) as reader:
            return [one async for one in reader.select(asked or Selection((self.dlq,)), lambda _seen, _total: None)]

    async def source(self) -> list[Any]:
        """What is on the source's topic now."""
        return await read_committed(self.bootstrap, self.topic)


@pytest.fixture
def letters(store: MongoStore, kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]) -> Letters:
    """Of a database that is there, as `pathbound init` leaves it."""
    return Letters(kafka_bootstrap, topic_prefix)


async def dlq(env: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """The command's JSON lines."""
    done = await asyncio.to_thread(lambda: pathbound("dlq", *arguments, "--json", **env))
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_letters_are_listed_by_what_is_asked(letters: Letters, env: dict[str, str]) -> None:
    await letters.put(b"one", b"two")
    await letters.put(b"three" * 100, reason="not valid JSON", partition=1)
    listed = await dlq(env, "list")
    assert sorted((one["original_position"], one["reason"], one["bytes"]) for one in listed) == [
        (f"{letters.topic}:0:100", "event: missing", 3),
        (f"{letters.topic}:0:101", "event: missing", 3),
        (f"{letters.topic}:1:100", "not valid JSON", 500),
    ]
    (only,) = await dlq(env, "list", "--reason", "VALID json")
    assert (only["error_class"], only["consumer"]) == ("Invalid", "pathbound.tracker")
    where = Position(letters.dlq, *map(int, only["position"].rsplit(":", 2)[1:]))
    at = ("--topic", TRACKER_EVENTS, "--partition", str(where.partition), "--offset", str(where.offset))
    assert await dlq(env, "list", *at) == [only]
    assert await dlq(env, "list", "--topic", "gmail.messages") == []
    assert len(await dlq(env, "list", "--limit", "2")) == 2
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert len(await dlq(env, "list", "--since", past)) == 3
    assert await dlq(env, "list", "--until", past) == []

    shown = await asyncio.to_thread(lambda: pathbound("dlq", "list", "--limit", "2", **env))
    titles, *rows = shown.stdout.splitlines()
    assert titles.split() == ["POSITION", "WHEN", "CAME", "FROM", "BYTES", "REASON"]
    assert len(rows) == 2
    assert "The newest 2 of 3" in shown.stderr


async def test_a_letter_is_shown_without_harm_to_the_terminal(letters: Letters, env: dict[str, str]) -> None:
    await letters.put(HOSTILE, headers=(("odd\x1b", b"\x1b[31m\xff"), ("none", None)))
    (letter,) = await letters.read()

    shown = (await asyncio.to_thread(lambda: pathbound("dlq", "show", str(letter.position), **env))).stdout
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "next line \\xff \\u202e" in shown.splitlines()[-1]
    for told in ("dlq-reason: event: missing", "odd\\x1b: \\x1b[31m\\xff", "none: (none)", "key: k"):
        assert told in shown
    command = ["dlq", "show", str(letter.position).removeprefix(env["PATHBOUND_TOPIC_PREFIX"])]
    (whole,) = await dlq(env, *command[1:])
    assert base64.b64decode(whole["value"]) == HOSTILE
    assert (await asyncio.to_thread(lambda: pathbound_bytes(*command, "--raw", typed=b"", **env))).stdout == HOSTILE

    # Whoever reads it may have enough, also where Python keeps what is written for a while.
    unread = in_bash(f"PATHBOUND {' '.join(command)} --raw | true", {**env, "PYTHONUNBUFFERED": ""})
    assert (unread.returncode, unread.stderr) == (0, "")


async def test_letters_are_sent_again_once_as_they_were(
    letters: Letters, env: dict[str, str], store: MongoStore
) -> None:
    # Not where their key would lead to: whoever produced them chose otherwise.
    await letters.put(b"one", b"two", partition=1, headers=(("trace", b"7"), ("odd", b"\xff"), ("none", None)))
    await letters.put(b"other", reason="not valid JSON")
    assert (await dlq(env, "redrive", "--dry-run"))[0]["sent"] == 3
    assert await letters.source() == []

    (first,) = await dlq(env, "redrive", "--reason", "event:", "--limit", "1")
    (rest,) = await dlq(env, "redrive", "--reason", "event:")
    (again,) = await dlq(env, "redrive", "--reason", "event:")
    assert [(one["sent"], one["sent_before"]) for one in (first, rest, again)] == [(1, 0), (1, 1), (0, 2)]
    assert (await dlq(env, "redrive", "--dry-run"))[0]["sent"] == 1

    told = sorted(await letters.source(), key=lambda record: str(record.value))
    assert [(record.partition, record.key, record.value) for record in told] == [(1, b"k", b"one"), (1, b"k", b"two")]
    for record in told:
        assert record.headers[:3] == (("trace", b"7"), ("odd", b"\xff"), ("none", None))
        position = dict(record.headers)["dlq-redriven-from"].decode()
        assert position.startswith(f"{letters.dlq}:")
        target = await store.redrives.target(Position(letters.dlq, *map(int, position.rsplit(":", 2)[1:])))
        assert target == Position(letters.topic, record.partition, record.offset)
        # An event without a time of its own did not happen today.
        assert to_record(record).timestamp == FIRST_RECEIVED


async def test_a_letter_that_dies_again_can_be_sent_again(letters: Letters, env: dict[str, str]) -> None:
    await letters.put(b"one", headers=(("trace", b"7"),))
    await dlq(env, "redrive")
    (record,) = await letters.source()
    dead_letters = DeadLetters(letters.bootstrap, "pathbound.tracker", lambda: FAILED_AT)
    await dead_letters.publish([InvalidRecord(to_record(record), "again", "Invalid")])
    await dead_letters.close()

    (told,) = await dlq(env, "redrive")
    assert (told["sent"], told["sent_before"]) == (1, 1)
    _, second = await letters.source()
    assert [name for name, _ in second.headers] == ["trace", "dlq-redriven-from", "dlq-first-received"]
    assert to_record(second).timestamp == FIRST_RECEIVED


async def test_a_letter_that_dies_again_is_found_by_when_it_did(letters: Letters, env: dict[str, str]) -> None:
    """It goes on saying when its record came the first time, which is long ago."""
    started = iso_millis(datetime.now(UTC))
    await letters.put(b"one", headers=(("dlq-first-received", iso_millis(FIRST_RECEIVED).encode()),))
    (found,) = await dlq(env, "list", "--since", started)
    assert found["at"] >= started
    assert found["original_at"] == iso_millis(FIRST_RECEIVED)
    assert await dlq(env, "list", "--until", started) == []


async def test_a_value_is_there_whatever_the_producers_headers_say(letters: Letters, env: dict[str, str]) -> None:
    await letters.put(b"one", headers=(("dlq-omitted", b"7"),))
    (told,) = await dlq(env, "redrive")
    assert (told["sent"], told["omitted"]) == (1, 0)


async def test_a_letter_without_its_value_says_so(letters: Letters, env: dict[str, str]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=letters.bootstrap)
    await producer.start()
    told = {"reason": "poison", "original-topic": letters.topic, "original-partition": "0", "original-offset": "7"}
    headers = [(f"dlq-{name}", value.encode()) for name, value in (told | {"omitted": "16000000"}).items()]
    await producer.send_and_wait(letters.dlq, None, key=b"", headers=headers)
    await producer.send_and_wait(letters.dlq, b"a stranger's", key=b"x")
    await producer.stop()

    (omitted,) = [one for one in await dlq(env, "list") if one["omitted"]]
    assert omitted["bytes"] == 16_000_000
    shown = await asyncio.to_thread(lambda: pathbound("dlq", "show", omitted["position"], **env))
    assert f"its 16,000,000 bytes are at {letters.topic}:0:7" in shown.stdout
    (report,) = await dlq(env, "redrive")
    assert (report["sent"], report["omitted"], report["strangers"]) == (0, 1, 1)


async def test_runs_at_one_time_send_each_letter_once(letters: Letters, store: MongoStore) -> None:
    for _ in range(3):
        await letters.put(*(b"%d" % n for n in range(100)))

    async def run(name: str) -> RedriveReport:
        report = RedriveReport()
        async with open_letters(letters.bootstrap) as reader:
            found = reader.select(Selection((letters.dlq,)), lambda _seen, _total: None)
            async for so_far in Redriver(letters.bootstrap, store.redrives, name)(
                found, None, asyncio.Event(), dry=False
            ):
                report = so_far
        return report

    reports = await asyncio.gather(*(run(f"run-{n}") for n in range(3)))
    assert sum(report.sent for report in reports) == 300
    assert len(await letters.source()) == 300


async def test_what_a_dead_run_had_in_hand_is_free_after_its_lease(letters: Letters, store: MongoStore) -> None:
    await letters.put(b"one", b"two")
    first, second = [letter.position for letter in await letters.read()]
    assert await store.redrives.claim([first, second], "dead") == {first: Claim.OURS, second: Claim.OURS}
    await store.redrives.sent({first: Position(letters.topic, 0, 0)})
    assert await store.redrives.claim([first, second], "next") == {first: Claim.SENT, second: Claim.HELD}

    long_ago = datetime.now(UTC) - timedelta(minutes=2)
    await store.database["redrives"].update_many({}, {"$set": {"claimed_at": long_ago}})
    assert await store.redrives.claim([first, second], "next") == {first: Claim.SENT, second: Claim.OURS}
    assert await store.redrives.count(letters.dlq, {first.partition: 0}) == 1
    assert await store.redrives.count(letters.dlq, {first.partition: first.offset + 1}) == 0


async def test_what_a_dead_run_had_in_hand_is_free_though_the_servers_clock_was_set_back(
    letters: Letters, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim was of later than now, and held until that time had come."""
    await letters.put(b"one")
    [first] = [letter.position for letter in await letters.read()]
    assert await store.redrives.claim([first], "dead") == {first: Claim.OURS}
    ahead = [{"$set": {"claimed_at": {"$add": ["$claimed_at", 2 * 3_600_000]}}}]
    await store.database["redrives"].update_many({}, ahead)

    assert await store.redrives.claim([first], "next") == {first: Claim.HELD}, "it may be alive yet"
    monkeypatch.setattr("service.mongo.claims.LEASE_SECONDS", 0)
    assert await store.redrives.claim([first], "next") == {first: Claim.OURS}


async def test_the_depth_falls_as_letters_are_sent_again(letters: Letters, store: MongoStore) -> None:
    measure = depth_measure(letters.bootstrap, letters.dlq, store.redrives)

    def depth() -> float | None:
        return REGISTRY.get_sample_value("pathbound_dead_letters_waiting", {"topic": letters.dlq})

    await measure()
    assert depth() == 0
    await letters.put(b"one", b"two", b"three")
    await measure()
    assert depth() == 3
    sent = (await letters.read())[0].position
    await store.redrives.sent({sent: Position(letters.topic, 0, 0)})
    await measure()
    assert depth() == 2
    # With Kafka away it stays, and nobody's loop ends.
    await depth_measure("127.0.0.1:1", letters.dlq, store.redrives)()
    assert depth() == 2


async def test_letters_are_kept_as_long_as_is_asked(kafka_bootstrap: str, topic_prefix: str) -> None:
    settings = TopicSettings(
        kafka_bootstrap=kafka_bootstrap, topic_prefix=topic_prefix, topic_partitions=1, dead_letter_retention_hours=48
    )
    names = [name for name in await create_topics(settings) if name.endswith((TRACKER_EVENTS, ".dlq"))]
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    async with open_admin(kafka_bootstrap) as admin:
        (answer,) = await admin.describe_configs(asked)
    kept = {
        name: {config: value for config, value, *_ in configs}["retention.ms"]
        for _, _, _, name, configs in answer.resources
    }
    assert {value for name, value in kept.items() if name.endswith(".dlq")} == {str(48 * 3_600_000)}
    assert {value for name, value in kept.items() if not name.endswith(".dlq")} == {"604800000"}


@pytest.mark.parametrize(
    "wrong",
    [
        ("list", "--since", "yesterday"),
        ("list", "--offset", "3"),
        ("list", "--topic", "elsewhere"),
        ("list", "--limit", "0"),
        ("list", "--partition", "-1"),
        ("show", "nowhere"),
        ("show", "contacts.changes:0:1"),
        ("redrive", "--until", "9999-13-01"),
    ],
)
def test_bad_input_is_told_in_a_sentence(env: dict[str, str], wrong: tuple[str, ...]) -> None:
    told = pathbound("dlq", *wrong, **env)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr


async def test_what_is_not_there_is_said(letters: Letters, env: dict[str, str]) -> None:
    missing = await asyncio.to_thread(lambda: pathbound("dlq", "show", f"{letters.dlq}:0:7", **env))
    assert missing.returncode == 1
    assert "There is no dead letter at" in missing.stderr
    away = await asyncio.to_thread(
        lambda: pathbound("dlq", "list", **(env | {"PATHBOUND_KAFKA_BOOTSTRAP": "127.0.0.1:1"}))
    )
    assert (away.returncode, "Kafka cannot be used" in away.stderr, "Traceback" in away.stderr) == (1, True, False)
