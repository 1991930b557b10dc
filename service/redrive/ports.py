"""What redriving needs from a store."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas.positions import Position
from service.redrive.model import Claim


class Redrives(Protocol):
    """The dead letters that were sent again, by their positions."""

    async def states(self, letters: Sequence[Position]) -> dict[Position, Claim]:
        """Of those that some run has sent or has in hand."""
        ...

    async def claim(self, letters: Sequence[Position], run: str) -> dict[Position, Claim]:
        """Take in hand what is free, for a lease of a minute; what became of each."""
        ...

    async def sent(self, targets: Mapping[Position, Position]) -> None:
        """Kafka has acknowledged these: where each letter's record is now."""
        ...

    async def count(self, topic: str, first_offsets: Mapping[int, int]) -> int:
        """How many letters of a topic were sent again, of those at or behind the offset given for their partition."""
        ...

    async def target(self, letter: Position) -> Position | None:
        """Where a letter was sent again; None if it was not."""
        ...
