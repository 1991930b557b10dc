"""The change feed as it is read back: records of the topic, and what the database knows of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """One record of a feed topic. `event` is None where the value is no event, or there is none (`tombstone`); `replay`
    says when it was replayed."""

    partition: int
    offset: int
    timestamp: datetime
    contact_id: str
    event: dict[str, Any] | None
    replay: str | None
    headers: tuple[tuple[str, str], ...]
    tombstone: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """What of a partition is to be read: offsets, the end not included."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How far a contact has counted its events, by the database; `committed_at` is the last one's time."""

    tenant_id: str
    sequence: int
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How far a rebuild of the snapshots is: up to the contact id `after`. `buried` are those on the topic that were
    gone, which are looked for at the end."""

    after: str = ""
    requested: int = 0
    buried: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """An event that the outbox still has. `published_at` None: it waits."""

    committed_at: datetime
    published_at: datetime | None
