"""What became of each record, counted in MongoDB with the record's own transaction: true after any crash."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson

from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.work import REFUSED_REASON, handle_halving
from consumers.tracker.handler import TrackerHandler
from deploy.bootstrap import Core, build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.mongo.store import MongoStore
from tests.support.events import MORNING

TENANT = "t"
# Each of these numbers takes a dozen bytes in a stored document: more than a document may have.
REFUSED = orjson.dumps({"tenant_id": TENANT, "event": "e", "message_id": "big", "data": {"all": [1] * 1_500_000}})


def sent(message_id: str, visitor_id: str | None = None, tenant_id: str = TENANT) -> bytes:
    """A tracker envelope."""
    who = {} if visitor_id is None else {"visitorId": visitor_id}
    return orjson.dumps({"tenant_id": tenant_id, "event": "page_view", "message_id": message_id, **who})


def log_of(*values: bytes, partition: int = 0) -> list[Record]:
    """A partition that holds these."""
    return [Record("src", partition, offset, None, value, MORNING) for offset, value in enumerate(values)]


async def handle(core: Core, records: list[Record]) -> list[InvalidRecord]:
    """As the runtime does, up to the dead letters and the commit."""
    handler = TrackerHandler(core.ingest, timedelta(hours=1))
    return await handle_halving(handler.handle, core.count_dead, records)


async def counted(store: MongoStore) -> dict[tuple[int, str | None], dict[str, int]]:
    """By partition and tenant, what is not nought; the sum is under `received`."""
    rows = await store.ledger.rows()
    return {
        (row.key.partition, row.key.tenant_id): {str(outcome): count for outcome, count in row.counts.items() if count}
        | {"received": row.received}
        for row in rows
    }


async def one_contact(core: Core) -> None:
    """Whose visitor is `known`."""
    wanted = CreateContact.model_validate({"email": "ada@example.com", "visitor_id": ["known"]})
    await core.use_cases.create_contact(Caller(TENANT, "key_1", "req_1"), wanted)


async def test_each_outcome_is_counted_under_its_tenant(store: MongoStore) -> None:
    core = build_core(store)
    await one_contact(core)
    records = log_of(
        sent("m0", "known"),
        sent("m1", "stranger"),
        sent("m2", "undefined"),
        sent("m0", "known"),
        sent("m3", "known", "other"),
        b"poison",
        b'{"tenant_id":"other","nobody_knows":1}',
    )
    assert len(await handle(core, records)) == 2
    assert await counted(store) == {
        (0, TENANT): {"stored": 1, "parked": 2, "duplicate": 1, "received": 4},
        (0, "other"): {"parked": 1, "dead_lettered": 1, "received": 2},
        (0, None): {"dead_lettered": 1, "received": 1},
    }


async def test_a_crash_before_the_offset_commit_counts_nothing_twice(store: MongoStore) -> None:
    """What Kafka delivers again, in other batches than before, with what has come since."""
    core = build_core(store)
    await one_contact(core)
    records = log_of(*(sent(f"m{n}", "known") if n % 3 else b"poison" for n in range(30)))
    await handle(core, records[:20])
    for start, end in ((0, 20), (5, 12), (12, 25), (20, 30), (0, 30)):
        letters = await handle(build_core(store), records[start:end])
        # Those who died before the dead letters were published: they are, now.
        assert [letter.record.offset for letter in letters] == [n for n in range(start, end) if n % 3 == 0]

    assert await counted(store) == {
        (0, TENANT): {"stored": 20, "received": 20},
        (0, None): {"dead_lettered": 10, "received": 10},
    }


async def test_a_record_that_the_store_refuses_is_counted_among_its_neighbours(store: MongoStore) -> None:
    core = build_core(store)
    records = log_of(sent("m0"), b"poison", sent("m1"), REFUSED, sent("m2"), sent("m3"))
    for end in (6, 4, 6):
        letters = await handle(core, records[:end])
        assert [letter.record.offset for letter in letters] == [1, 3]
        assert (letters[1].reason, letters[1].tenant_id) == (REFUSED_REASON, TENANT)

    assert await counted(store) == {
        (0, TENANT): {"parked": 4, "dead_lettered": 1, "received": 5},
        (0, None): {"dead_lettered": 1, "received": 1},
    }


async def test_partitions_at_once_and_an_owner_beside_its_predecessor_balance(store: MongoStore) -> None:
    partitions = [
        log_of(*(sent(f"m{n % 40}", f"v{n}", f"tenant{n % 2}") for n in range(60)), partition=number)
        for number in range(2)
    ]
    reads: list[Any] = []
    for records in partitions:
        for batch in (7, 11):

            async def read(records: list[Record] = records, batch: int = batch) -> None:
                core = build_core(store)
                for start in range(0, len(records), batch):
                    await handle(core, records[start : start + batch])

            reads.append(read())
    await asyncio.gather(*reads)

    found = await counted(store)
    assert {key: row["received"] for key, row in found.items()} == {
        (partition, f"tenant{n}"): 30 for partition in range(2) for n in range(2)
    }
    assert sum(row.get("parked", 0) for row in found.values()) == 40
    assert await store.database["events"].count_documents({}) == 40
