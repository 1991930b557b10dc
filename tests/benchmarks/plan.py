"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one round, and how many rounds."""

    rounds: int = 3
    contacts: int = 1_500
    reads: int = 6_000
    events: int = 20_000
    delays: int = 100
