"""Where a record is in Kafka, as people write it: `topic:partition:offset`."""

import re
from typing import NamedTuple

_WRITTEN = re.compile(r"([A-Za-z0-9._\-]{1,249}):([0-9]{1,9}):([0-9]{1,18})")


class Position(NamedTuple):
    """One record's place. `topic` is its real name, prefix included."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


def read_position(text: str) -> Position | None:
    """The other way; None where it is none."""
    found = _WRITTEN.fullmatch(text)
    return Position(found[1], int(found[2]), int(found[3])) if found else None
