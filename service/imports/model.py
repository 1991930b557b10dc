"""Imports as the core knows them: rows in an order that never changes, and how many of them are done."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from schemas.contacts import UpsertContact


class ImportKey(NamedTuple):
    """One import: the same content, read in the same way, for the same tenant."""

    tenant_id: str
    digest: str


class RowFault(NamedTuple):
    """Why a row was refused: the line it begins in, and sentences that repeat nothing of it."""

    line: int
    reasons: tuple[str, ...]


class Row(NamedTuple):
    """A row as it was read: what is wanted, or why it is refused. `size` is in bytes."""

    line: int
    size: int
    wanted: UpsertContact | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """`rows` are done. `faults` are those of the last batch alone, which began after `last_from` rows."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    last_from: int = 0
    faults: tuple[RowFault, ...] = ()
    finished_at: datetime | None = None
