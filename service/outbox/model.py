"""The outbox: what is published, once it is committed with the change it tells of."""

import zlib
from dataclasses import dataclass
from datetime import datetime

SHARDS = 8
"""How many parts the outbox is published in. Fixed: a contact's shard must never change while records wait."""


def shard_of(contact_id: str) -> int:
    """The shard of a contact's records, 0 to SHARDS - 1; the same in every process and release."""
    return zlib.crc32(contact_id.encode()) % SHARDS


@dataclass(frozen=True, slots=True)
class OutboxRecord:
    """One message to be published: `value` is the whole body, so that a replay is the same to the byte; an empty one
    is published as Kafka's tombstone, which has none.

    `committed_at` never decreases along a contact's `sequence` (whatever the machines' clocks say), so ordering a
    shard by (committed_at, sequence) keeps each contact's order and lets no contact starve another.
    """

    record_id: str
    tenant_id: str
    contact_id: str
    sequence: int
    topic: str
    value: bytes
    headers: tuple[tuple[str, str], ...]
    committed_at: datetime

    @property
    def shard(self) -> int:
        """The part of the outbox that publishes it."""
        return shard_of(self.contact_id)
