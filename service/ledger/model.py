"""Accounting for what came in, per source and tenant.

received = stored + duplicate + parked + erased + dead-lettered.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    ERASED = "erased"
    """It told only of somebody who was erased: nothing of it is stored."""
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


Outcomes = Mapping[RowKey, Sequence[tuple[int, Outcome]]]
"""By row: the offsets of records, and what became of each."""


def by_row(outcomes: Iterable[tuple[Receipt, Outcome]]) -> Outcomes:
    """Which rows count them."""
    grouped: defaultdict[tuple[str, int, str | None], list[tuple[int, Outcome]]] = defaultdict(list)
    for receipt, outcome in outcomes:
        # A plain tuple finds the row, and costs half of a named one; there is one for every event.
        grouped[receipt.topic, receipt.partition, receipt.tenant_id].append((receipt.offset, outcome))
    return {RowKey(*key): its for key, its in grouped.items()}


def additions(outcomes: Outcomes, next_offsets: Mapping[RowKey, int]) -> list[Row]:
    """What to add to which rows, and their next offsets afterwards. A record before its row's next offset has been
    counted already; a row with nothing new is left out."""
    rows = []
    for key, its in outcomes.items():
        counted = next_offsets.get(key, 0)
        fresh = [one for one in its if one[0] >= counted]
        if fresh:
            rows.append(Row(key, min(fresh)[0], max(fresh)[0] + 1, counts_of([outcome for _, outcome in fresh])))
    return rows


def counts_of(outcomes: Sequence[Outcome]) -> dict[Outcome, int]:
    """How many of each there are."""
    # Not a Counter: an enumeration's member hashes slowly.
    return {outcome: outcomes.count(outcome) for outcome in Outcome}
