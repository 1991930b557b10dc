"""What the ledger's rows come to, by topic and tenant, and whether something is missing, by partition."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from service.ledger.model import Outcome, Row


class Line(NamedTuple):
    """A tenant's records of a topic; received is the sum of the counts."""

    topic: str
    tenant_id: str | None
    received: int
    counts: Mapping[Outcome, int]


class PartitionBalance(NamedTuple):
    """A partition's records, of all tenants, against its offsets.

    `received` = `next_offset` - `first_offset` where every offset held a record and each was counted once.
    """

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    received: int
    committed_offset: int | None
    """The consumer group's; None where it has none, or was not asked."""

    @property
    def gaps(self) -> int:
        """Offsets that no counted record has: transaction markers, or what Kafka removed before it was read."""
        return self.next_offset - self.first_offset - self.received

    @property
    def uncounted(self) -> int:
        """Offsets that are committed and lie behind all that is counted. Never above 0 where the ledger was kept."""
        return max(0, (self.committed_offset or 0) - self.next_offset)

    @property
    def ahead(self) -> int:
        """Offsets that are counted and not committed: a batch in hand, or what is read again, and not counted again.

        Of a topic that was made again under its name: what was counted of the former one. Nothing counts up to there.
        """
        return 0 if self.committed_offset is None else max(0, self.next_offset - self.committed_offset)


def set_back(
    rows: Iterable[Row], committed: Mapping[tuple[str, int], int], margin: int
) -> dict[tuple[str, int], tuple[int, int]]:
    """For partitions whose group is ahead of what is counted, as after a restore: its offset, and the one to go back
    to. That is `margin` records before the last counted one: the latest batch may be stored, and not linked yet."""
    counted: dict[tuple[str, int], int] = {}
    for row in rows:
        place = (row.key.topic, row.key.partition)
        counted[place] = max(counted.get(place, 0), row.next_offset)
    return {
        place: (offset, max(0, counted.get(place, 0) - margin))
        for place, offset in sorted(committed.items())
        if offset > counted.get(place, 0)
    }


def lines(rows: Iterable[Row]) -> list[Line]:
    """By topic and tenant; the nameless first."""
    counts: defaultdict[tuple[str, str | None], Counter[Outcome]] = defaultdict(Counter)
    for row in rows:
        counts[row.key.topic, row.key.tenant_id].update(row.counts)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return [Line(topic, tenant_id, sum(found.values()), found) for (topic, tenant_id), found in ordered]


def partitions(rows: Iterable[Row], committed: Mapping[tuple[str, int], int]) -> list[PartitionBalance]:
    """By topic and partition; `rows` are those of all tenants."""
    by_partition: defaultdict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in rows:
        by_partition[row.key.topic, row.key.partition].append(row)
    return [
        PartitionBalance(
            topic,
            partition,
            min(row.first_offset for row in its),
            max(row.next_offset for row in its),
            sum(row.received for row in its),
            committed.get((topic, partition)),
        )
        for (topic, partition), its in sorted(by_partition.items())
    ]
