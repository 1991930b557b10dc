"""`pathbound ledger`: what an operator sees of the accounts."""

import json
from typing import Any

import pytest

from deploy.bootstrap import build_core
from schemas.topics import TRACKER_EVENTS, consumer_group
from service.kafka.groups import commit_for
from service.ledger.balance import partitions
from service.ledger.model import Outcome, Receipt, Row, RowKey
from service.mongo.store import MongoStore
from tests.support.commands import pathbound


async def count_some(store: MongoStore, topic: str) -> None:
    """Six records: of two tenants and of nobody."""
    told = [("a", "stored"), ("a", "stored"), ("b", "parked"), (None, "dead_lettered"), ("a", "duplicate")]
    outcomes = [(Receipt(topic, 0, offset, tenant), Outcome(what)) for offset, (tenant, what) in enumerate(told)]
    async with store.session() as session:
        await session.transaction(lambda: session.ledger.count(outcomes))
    await build_core(store).count_dead([Receipt(topic, 1, 7, "b")])


async def test_the_accounts_are_a_line_a_tenant(store: MongoStore, env: dict[str, str], topic_prefix: str) -> None:
    assert "Nothing has been counted yet." in pathbound("ledger", **env).stderr
    topic = f"{topic_prefix}{TRACKER_EVENTS}"
    await count_some(store, topic)

    shown = pathbound("ledger", **env)
    titles, nobody, a, b, check = shown.stdout.splitlines()
    assert titles.split() == ["TOPIC", "TENANT", "RECEIVED", "STORED", "PARKED", "DUPLICATE", "ERASED", "DEAD-LETTERED"]
    assert nobody.split() == [topic, "(none", "legible)", "1", "0", "0", "0", "0", "1"]
    assert a.split() == [topic, "a", "3", "2", "0", "1", "0", "0"]
    assert b.split() == [topic, "b", "2", "0", "1", "0", "0", "1"]
    assert "every offset of 2 partitions is counted once" in check

    # Rows from before there was this outcome.
    await store.database["ledger"].update_many({}, {"$unset": {"erased": ""}})
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in pathbound("ledger", "--json", **env).stdout.splitlines()
    ]
    assert [line.get("tenant_id") for line in lines] == [None, "a", "b", None, None]
    counts = {"stored": 2, "parked": 0, "duplicate": 1, "erased": 0, "dead_lettered": 0}
    assert lines[1] == {"topic": topic, "tenant_id": "a", "received": 3, **counts}
    assert [(one["partition"], one["received"], one["gaps"], one["uncounted"]) for one in lines[3:]] == [
        (0, 5, 0, 0),
        (1, 1, 0, 0),
    ]
    (own,) = pathbound("ledger", "--tenant", "b", "--json", **env).stdout.splitlines()
    assert json.loads(own)["received"] == 2
    assert pathbound("ledger", "--topic", "gmail.messages", **env).stdout == ""


async def test_what_is_counted_beyond_the_committed_offset_is_told(
    store: MongoStore, env: dict[str, str], kafka_bootstrap: str, topic_prefix: str, init_topics: list[str]
) -> None:
    """As where a topic was deleted and made again under its name."""
    topic = f"{topic_prefix}{TRACKER_EVENTS}"
    await count_some(store, topic)
    await commit_for(kafka_bootstrap, consumer_group(topic_prefix, "tracker"), {(topic, 0): 2})

    shown = pathbound("ledger", **env).stdout

    assert f"{topic} partition 0: 3 offsets are counted beyond the committed 2" in shown
    assert "every offset" not in shown


def test_what_is_missing_is_seen() -> None:
    def row(tenant: str, first: int, following: int, stored: int) -> Row:
        return Row(RowKey("src", 0, tenant), first, following, {Outcome.STORED: stored})

    (exact,) = partitions([row("a", 5, 9, 3), row("b", 7, 8, 1)], {("src", 0): 9})
    assert (exact.gaps, exact.uncounted, exact.ahead) == (0, 0, 0)
    (behind,) = partitions([row("a", 5, 9, 2), row("b", 7, 8, 1)], {("src", 0): 12})
    assert (behind.gaps, behind.uncounted, behind.ahead) == (1, 3, 0)
    (made_again,) = partitions([row("a", 5, 9, 4)], {("src", 0): 2})
    assert (made_again.gaps, made_again.uncounted, made_again.ahead) == (0, 0, 7)


@pytest.mark.parametrize("wrong", [("--tenant", "$where"), ("--topic", "elsewhere")])
def test_bad_input_is_told_in_a_sentence(env: dict[str, str], wrong: tuple[str, str]) -> None:
    told = pathbound("ledger", *wrong, **env)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
