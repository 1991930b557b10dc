"""What is done to the system, and when: a pure function of the seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Blow(StrEnum):
    """What can be done."""

    KILL = "SIGKILL, and start again"
    FREEZE = "SIGSTOP, later SIGCONT"
    RESET = "connections reset"
    HOLD = "black hole"
    DEPOSE = "alone for a second, then SIGKILL, and start again"
    """Of a primary: the others are frozen meanwhile, so what it has taken then is nowhere else."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` seconds from the start; it lasts `seconds` (a killed process starts again after them)."""

    at: float
    target: str
    blow: Blow
    seconds: float


@dataclass(frozen=True, slots=True)
class Card:
    """A target, a blow, and how long it may last at most."""

    target: str
    blow: Blow
    longest: float


_FIRST_AFTER = 2.0
_PAUSES = (1.0, 4.5)
_SHORTEST = 0.3


def deck_of_all(apis: int, relays: int, consumers: int) -> list[Card]:
    """Every blow to everything: processes, servers, and the links to the servers."""
    deck = []
    # A relay's lease is 5 s, a client of the API gives up after 6, a consumer is evicted from its group after 10.
    for kind, count, frozen in (("api", apis, 8.0), ("relay", relays, 9.0), ("consumer", consumers, 12.0)):
        for number in range(1, count + 1):
            deck.append(Card(f"{kind}-{number}", Blow.KILL, 3.0))
            deck.append(Card(f"{kind}-{number}", Blow.FREEZE, frozen))
    for server in ("mongod", "kafka"):
        deck.append(Card(server, Blow.KILL, 4.0))
        deck.append(Card(server, Blow.FREEZE, 7.0))
        deck.append(Card(f"link to {server}", Blow.RESET, 0.0))
        deck.append(Card(f"link to {server}", Blow.HOLD, 7.0))
    return deck


def deck_of_primaries() -> list[Card]:
    """The primary of the replica set, again and again; now and then something else at the same time."""
    primaries = [Card("primary", Blow.KILL, 5.0), Card("primary", Blow.DEPOSE, 5.0)] * 2
    primaries += [Card("primary", Blow.FREEZE, 8.0)]
    others = [Card("api-1", Blow.KILL, 2.0), Card("relay-1", Blow.KILL, 2.0), Card("consumer-1", Blow.KILL, 2.0)]
    return [*primaries, *others]


def schedule(seed: int, seconds: float, deck: Sequence[Card]) -> list[Fault]:
    """The deck is shuffled and dealt, again and again, until `seconds` are over: so a short run has some of everything.
    Faults may overlap, but those of one target follow each other."""
    dice = random.Random(f"{seed}/faults")
    faults: list[Fault] = []
    at, left, busy_until = _FIRST_AFTER, list[Card](), dict[str, float]()
    while at < seconds:
        if not left:
            left = dice.sample(list(deck), len(deck))
        free = next((card for card in left if busy_until.get(card.target, 0.0) <= at), None)
        if free is not None:
            left.remove(free)
            lasts = round(dice.uniform(min(_SHORTEST, free.longest), free.longest), 2)
            faults.append(Fault(round(at, 2), free.target, free.blow, lasts))
            busy_until[free.target] = at + lasts
        at += dice.uniform(*_PAUSES)
    return faults
