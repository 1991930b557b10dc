"""What should be there and what is there, compared in bounded memory: SQLite keeps both, many of them on disk."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from enum import StrEnum
from typing import Self

_PORTION = 1_000
_SCHEMA = "CREATE TABLE {} (kind TEXT, key TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID"


class Kind(StrEnum):
    """What is compared."""

    SESSION = "session"
    DEVICE = "device"
    MESSAGE_EVENT = "message_event"


class Tally:
    """Two sets of texts of each kind. To be closed."""

    def __init__(self) -> None:
        # The empty name: a database of this connection's own, in memory as long as it is small.
        self._database = sqlite3.connect("")
        for table in ("wanted", "found"):
            self._database.execute(_SCHEMA.format(table))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def want(self, kind: Kind, keys: Iterable[str]) -> None:
        """These should be there."""
        self._database.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?)", ((kind, key) for key in keys))

    def find(self, kind: Kind, keys: Iterable[str]) -> None:
        """These are there."""
        self._database.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", ((kind, key) for key in keys))

    def wanted(self, kind: Kind) -> int:
        """How many should be there."""
        (count,) = self._database.execute("SELECT count(*) FROM wanted WHERE kind = ?", (kind,)).fetchone()
        return int(count)

    def missing(self, kind: Kind) -> Iterator[list[str]]:
        """What should be there and is not, in portions of bounded size."""
        return self._apart("SELECT key FROM wanted WHERE kind = ? EXCEPT SELECT key FROM found WHERE kind = ?", kind)

    def surplus(self, kind: Kind) -> Iterator[list[str]]:
        """What is there and should not be, likewise."""
        return self._apart("SELECT key FROM found WHERE kind = ? EXCEPT SELECT key FROM wanted WHERE kind = ?", kind)

    def _apart(self, query: str, kind: Kind) -> Iterator[list[str]]:
        with closing(self._database.execute(query, (kind, kind))) as cursor:
            while rows := cursor.fetchmany(_PORTION):
                yield [key for (key,) in rows]
