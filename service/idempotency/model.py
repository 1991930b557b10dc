"""Answers that are given again: an `Idempotency-Key` makes a POST safe to repeat (contract, "Common")."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RETENTION_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as it went out the first time."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OnceKey:
    """What is done once: a client's key, within an API key and a route. `fingerprint` is of the request's body."""

    key_id: str
    route: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Once:
    """A request that is done once, and how its result becomes the answer that is kept with it."""

    key: OnceKey
    render: Callable[[Any], Answer]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer, and the fingerprint of the request that it answered."""

    fingerprint: str
    answer: Answer
