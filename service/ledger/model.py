"""Accounting for what came in: received = stored + duplicate + parked + dead-lettered, per source and tenant."""

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What became of a record, when it came; each record is exactly one of these."""

    STORED = "stored"
    """It told something new, and that is in a contact's timeline (or needs none)."""
    PARKED = "parked"
    """It told something new, which is stored; whom it concerns is refused or not known yet."""
    DUPLICATE = "duplicate"
    """It told nothing that was not stored already."""
    DEAD_LETTERED = "dead_lettered"


class Receipt(NamedTuple):
    """One record: where it was read from, and whose it is (None where it does not say so legibly)."""

    topic: str
    partition: int
    offset: int
    tenant_id: str | None


class RowKey(NamedTuple):
    """What a row counts: one tenant's records in one partition."""

    topic: str
    partition: int
    tenant_id: str | None


class Row(NamedTuple):
    """Counts by outcome, of all records of the key from `first_offset` to before `next_offset`."""

    key: RowKey
    first_offset: int
    next_offset: int
    counts: Mapping[Outcome, int]

    @property
    def received(self) -> int:
        """All of them."""
        return sum(self.counts.values())


def row_key(receipt: Receipt) -> RowKey:
    """The row that counts the record."""
    return RowKey(receipt.topic, receipt.partition, receipt.tenant_id)


def additions(outcomes: Iterable[tuple[Receipt, Outcome]], next_offsets: Mapping[RowKey, int]) -> list[Row]:
    """What to add to which rows, and their next offsets afterwards. A record before its row's next offset has been
    counted already; a row with nothing new is left out."""
    counts: dict[RowKey, Counter[Outcome]] = {}
    first: dict[RowKey, int] = {}
    ends: dict[RowKey, int] = {}
    for receipt, outcome in outcomes:
        key = row_key(receipt)
        if receipt.offset >= next_offsets.get(key, 0):
            counts.setdefault(key, Counter())[outcome] += 1
            first[key] = min(first.get(key, receipt.offset), receipt.offset)
            ends[key] = max(ends.get(key, 0), receipt.offset + 1)
    return [Row(key, first[key], ends[key], counted) for key, counted in counts.items()]
