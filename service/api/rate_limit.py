"""A token bucket for each API key, in this process: with N processes behind a balancer a key has up to N times as much.

Nothing here is needed for correctness, so nothing is shared and nothing survives a restart.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_BUCKETS = 100_000
"""Keys kept in mind at once (some 20 MB); beyond that the one that has been quiet for longest starts anew."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key has left. `retry_after` is 0 where the request may go on; all times are in whole seconds."""

    limit: int
    remaining: int
    reset_seconds: int
    retry_after: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """On every authenticated answer."""
        told = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }
        return told | ({"Retry-After": str(self.retry_after)} if self.retry_after else {})


class RateLimiter:
    """Each key may make `burst` requests at once, and `per_second` for long. `per_second` 0 limits nothing."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        monotonic: Callable[[], float] = time.monotonic,
        max_buckets: int = MAX_BUCKETS,
    ) -> None:
        self._max_buckets = max_buckets
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        # Tokens and when they were counted, in the order of last use.
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key_id: str) -> Allowance | None:
        """Take one request's token if there is one; None where nothing is limited."""
        if not self._per_second:
            return None
        now = self._monotonic()
        tokens, counted_at = self._buckets.pop(key_id, (float(self._burst), now))
        self._forget(now)
        tokens = min(tokens + (now - counted_at) * self._per_second, float(self._burst))
        allowed = tokens >= 1
        left = tokens - 1 if allowed else tokens
        self._buckets[key_id] = (left, now)
        retry_after = 0 if allowed else math.ceil((1 - left) / self._per_second)
        reset = math.ceil((self._burst - left) / self._per_second)
        return Allowance(self._burst, math.floor(left), reset, retry_after)

    def _forget(self, now: float) -> None:
        # A bucket that was not used for so long is full, whatever was in it: a new one is the same.
        while self._buckets:
            key_id, (_, counted_at) = next(iter(self._buckets.items()))
            full = (now - counted_at) * self._per_second >= self._burst
            if not full and len(self._buckets) < self._max_buckets:
                return
            del self._buckets[key_id]
