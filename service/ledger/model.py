"""Accounting for what came in: received = stored + duplicate + parked + dead-lettered, per source and tenant."""

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
