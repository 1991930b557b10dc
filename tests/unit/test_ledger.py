"""The ledger accounts for every record, in every committed snapshot, whoever reads twice, halves, or dies when."""

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.records import receipt_of
from consumers.runtime.work import handle_halving
from service.errors import RefusedDocumentError
from service.ledger.dead import DeadLetterCounter
from service.ledger.model import Outcome, Receipt, Row
from tests.support.events import MORNING, page_view, visitor
from tests.support.interleaving import interleave, run_to_end
from tests.support.visitor_world import VISITORS, World

INVALID, REFUSED = b"invalid", b"refused"
NAMELESS, TENANTS = None, ["t", "u"]
PARTITIONS = 2

values = st.one_of(
    st.sampled_from([INVALID, REFUSED]),
    st.tuples(st.integers(0, 5), st.sampled_from(TENANTS)).map(lambda told: b"%d %s" % (told[0], told[1].encode())),
)
stories = st.fixed_dictionaries(
    {
        "topic": st.lists(st.lists(values, max_size=7), min_size=PARTITIONS, max_size=PARTITIONS),
        # Each reader takes a partition and cuts it into batches; two of one partition are an owner and its predecessor.
        "readers": st.lists(st.tuples(st.integers(0, PARTITIONS - 1), st.integers(1, 5)), min_size=1, max_size=4),
        "known": st.lists(st.sampled_from(VISITORS), max_size=2, unique=True),
        "schedule": st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=150),
    }
)


class Partitions:
    """Records, committed offsets, and readers that handle as the tracker's consumer does."""

    def __init__(self, world: World, topic: Sequence[Sequence[bytes]]) -> None:
        self.world = world
        self.count_dead = DeadLetterCounter(world.store)
        self.committed = [0] * PARTITIONS
        self.records = [
            [Record("src", partition, offset, None, value, MORNING) for offset, value in enumerate(its)]
            for partition, its in enumerate(topic)
        ]

    async def read(self, partition: int, batch: int) -> None:
        """From the committed offset to the end."""
        records = self.records[partition]
        while (start := self.committed[partition]) < len(records):
            taken = records[start : start + batch]
            await handle_halving(self._handle, self.count_dead, taken)
            await self.world.store.memory.turn()
            # A predecessor's commit comes too late, and is refused.
            self.committed[partition] = max(self.committed[partition], taken[-1].offset + 1)

    async def _handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        invalid = [record for record in records if record.value == INVALID]
        good = [record for record in records if record.value not in (INVALID, REFUSED)]
        if len(good) + len(invalid) < len(records):
            raise RefusedDocumentError
        events = []
        for record in good:
            number, tenant = event_of(record)
            who = visitor(tenant, VISITORS[number % len(VISITORS)])
            events.append(page_view(tenant, *([who] if number else []), event_id=f"evt_{tenant}_{number}"))
        receipts = [receipt_of(record, event.tenant_id) for record, event in zip(good, events, strict=True)]
        await self.world.ingest(events, receipts, [receipt_of(record, NAMELESS) for record in invalid])
        return []

    def tenant_of(self, record: Record) -> str | None:
        return NAMELESS if record.value in (INVALID, REFUSED) else event_of(record)[1]


def event_of(record: Record) -> tuple[int, str]:
    """What a good record says."""
    number, tenant = (record.value or b"").decode().split()
    return int(number), tenant


def balance(partitions: Partitions) -> None:
    """What must hold of whatever is committed now."""
    memory = partitions.world.store.memory
    rows: list[Row] = list(memory.all("ledger").values())
    for row in rows:
        passed = [
            record
            for record in partitions.records[row.key.partition][: row.next_offset]
            if partitions.tenant_of(record) == row.key.tenant_id
        ]
        assert row.received == len(passed)
        dead = sum(partitions.tenant_of(record) is NAMELESS for record in passed)
        assert row.counts[Outcome.DEAD_LETTERED] == dead
    stored = sum(row.counts[Outcome.STORED] + row.counts[Outcome.PARKED] for row in rows)
    assert stored == sum(event.source.value == "tracker" for event in memory.all("event").values())


def play(story: dict[str, Any]) -> Partitions:
    """By the schedule: a step with 0 in its second place kills instead, and the reader begins anew."""
    partitions = Partitions(World(), story["topic"])
    run_to_end(partitions.world.create_contact("a@example.com", story["known"]))
    readers = [lambda reader=reader: partitions.read(*reader) for reader in story["readers"]]
    interleave(readers, story["schedule"], partitions.world.killed, lambda: balance(partitions))
    return partitions


@settings(max_examples=400, deadline=None)
@given(stories)
def test_received_is_the_sum_of_what_became_of_it_in_every_committed_snapshot(story: dict[str, Any]) -> None:
    partitions = play(story)

    read = {partition for partition, _ in story["readers"]}
    ledger = partitions.world.store.memory.all("ledger").values()
    for partition in read:
        rows = [row for row in ledger if row.key.partition == partition]
        assert sum(row.received for row in rows) == len(partitions.records[partition])
        assert {row.key.tenant_id for row in rows} == set(map(partitions.tenant_of, partitions.records[partition]))
    assert not [row for row in ledger if row.key.partition not in read]


def test_of_one_event_twice_in_a_batch_the_first_is_new() -> None:
    partitions = Partitions(World(), [[b"1 t", b"1 t", b"0 t"], []])
    run_to_end(partitions.world.create_contact("a@example.com", [VISITORS[1]]))
    run_to_end(partitions.read(0, 3))

    (row,) = partitions.world.store.memory.all("ledger").values()
    counts = {outcome: count for outcome, count in row.counts.items() if count}
    assert counts == {Outcome.STORED: 1, Outcome.DUPLICATE: 1, Outcome.PARKED: 1}


def test_a_dead_record_is_counted_once_though_its_reader_died_before_the_commit() -> None:
    partitions = Partitions(World(), [[REFUSED, b"1 t", REFUSED, INVALID], []])
    for _ in range(3):
        run_to_end(partitions.read(0, 4))
        partitions.committed[0] = 0  # killed before the commit
    rows = partitions.world.store.memory.all("ledger")
    assert {key.tenant_id: row.received for key, row in rows.items()} == {NAMELESS: 3, "t": 1}


def test_counting_needs_no_events() -> None:
    world = World()
    asyncio.run(world.ingest([], [], [Receipt("src", 0, 7, NAMELESS)]))
    (row,) = world.store.memory.all("ledger").values()
    assert (row.next_offset, row.received, row.counts[Outcome.DEAD_LETTERED]) == (8, 1, 1)
