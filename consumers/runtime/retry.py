"""Trying again, for ever, until it works or the partitions must be given up."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from consumers.runtime.outcomes import RETRYABLE
from service.ops import metrics

FIRST_DELAY_SECONDS = 0.1
MAX_DELAY_SECONDS = 5.0

log = structlog.get_logger(__name__)
T = TypeVar("T")


class AbandonedError(Exception):
    """The work was given up unfinished, as a partition moves or the process ends. The next reader repeats it."""


def backoff(attempt: int) -> float:
    """Seconds before try `attempt` + 1 (attempts count from 0): exponential, capped, with full jitter above a half."""
    ceiling: float = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(attempt, 16))
    return ceiling * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


class Retrier:
    """The patience of one piece of work. `give_up()` ends it at the next failure, or at once while it waits."""

    def __init__(self, source: str, topic: str, partitions: Sequence[int]) -> None:
        self._source = source
        self._where = {"source": source, "topic": topic, "partitions": list(partitions)}
        self._given_up = asyncio.Event()
        self.waiting = False
        self._attempt_since: float | None = None

    @property
    def given_up(self) -> bool:
        """Whether nothing new should be begun."""
        return self._given_up.is_set()

    def give_up(self) -> None:
        """Let what runs finish, but wait for nothing more."""
        self._given_up.set()

    def attempt_began(self) -> None:
        """Count the present attempt's time from now."""
        self._attempt_since = time.monotonic()

    def attempt_ended(self) -> None:
        """Nothing is attempted now."""
        self._attempt_since = None

    def attempt_seconds(self) -> float:
        """How long the present attempt has lasted; 0 between attempts."""
        return 0.0 if self._attempt_since is None else time.monotonic() - self._attempt_since

    async def __call__(self, stage: str, step: Callable[[], Awaitable[T]]) -> T:
        """The step's result. Raises AbandonedError once given up, and whatever is not RETRYABLE."""
        attempt = 0
        while True:
            self.attempt_began()
            try:
                return await step()
            except RETRYABLE as error:
                metrics.CONSUMER_RETRIES.labels(self._source, stage, type(error).__name__).inc()
                log.warning("retrying", stage=stage, error=type(error).__name__, attempt=attempt + 1, **self._where)
            finally:
                self.attempt_ended()
            await self._wait(backoff(attempt))
            attempt += 1

    async def _wait(self, seconds: float) -> None:
        self.waiting = True
        try:
            await asyncio.wait_for(self._given_up.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self.waiting = False
        raise AbandonedError
