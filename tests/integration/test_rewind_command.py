"""`pathbound rewind`: consumer groups go back to where the database is, and never while anybody is in them."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import TRACKER_EVENTS, consumer_group
from service.kafka.groups import committed_offsets
from service.ledger.balance import set_back
from service.ledger.model import Outcome, Receipt, Row, RowKey
from service.mongo.store import MongoStore
from tests.support.commands import pathbound


def row(partition: int, tenant: str | None, following: int) -> Row:
    return Row(RowKey("src", partition, tenant), 0, following, {})


def test_only_who_is_ahead_goes_back_and_a_margin_further() -> None:
    rows = [row(0, "a", 70), row(0, None, 90), row(1, "a", 10), row(2, "a", 50)]
    committed = {("src", 0): 100, ("src", 1): 12, ("src", 2): 50, ("src", 3): 7}
    assert set_back(rows, committed, 20) == {("src", 0): (100, 70), ("src", 1): (12, 0), ("src", 3): (7, 0)}
    assert set_back(rows, {("src", 0): 90, ("src", 2): 3}, 20) == {}


async def test_a_group_goes_back_once_nobody_is_in_it(
    store: MongoStore, env: dict[str, str], kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]
) -> None:
    topic, group = f"{topic_prefix}{TRACKER_EVENTS}", consumer_group(topic_prefix, "tracker")
    async with store.session() as session:
        counted = [(Receipt(topic, 0, offset, "t"), Outcome.STORED) for offset in range(30)]
        await session.transaction(lambda: session.ledger.count(counted))

    async def rewind(*arguments: str) -> Any:
        return await asyncio.to_thread(pathbound, "rewind", "--margin", "10", *arguments, **env)

    async def offsets() -> dict[int, int]:
        found = await committed_offsets(kafka_bootstrap, [group])
        return {partition: offset for (_, partition), offset in found.items()}

    assert "No consumer group is ahead" in (await rewind()).stdout
    member = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, group_id=group, enable_auto_commit=False)
    await member.start()
    try:
        await member.getmany(timeout_ms=100)
        await member.commit({TopicPartition(topic, 0): 45, TopicPartition(topic, 1): 3})
        refused = await rewind()
    finally:
        await member.stop()
    assert refused.returncode == 1
    assert f"The group {group} has members: stop the consumers first." in refused.stderr
    assert await offsets() == {0: 45, 1: 3}

    told = [f"{topic} partition 0: 45 back to 20", f"{topic} partition 1: 3 back to 0"]
    dry = await rewind("--dry-run")
    assert (dry.returncode, dry.stdout.splitlines()) == (0, told)
    assert await offsets() == {0: 45, 1: 3}
    assert (await rewind()).stdout.splitlines() == told
    assert await offsets() == {0: 20, 1: 0}
