"""Health: live is "the loop moved", ready is "what is needed answers" (contract, "Health").

Plain functions over named checks, for the API and for the small server of processes without one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from structlog.contextvars import get_contextvars

from schemas.errors import ErrorCode
from schemas.timestamps import iso_millis
from service.clock import Clock
from service.ids import new_request_id

STUCK_AFTER_SECONDS = 60.0
CHECK_TIMEOUT_SECONDS = 2.0

Check = Callable[[], Awaitable[None]]
"""Returns where all is well; raises anything where it is not."""


class Progress:
    """When a loop last went round. A loop that waits for something outside still goes round."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._marked = monotonic()

    def mark(self) -> None:
        """The loop went round."""
        self._marked = self._monotonic()

    def age(self) -> float:
        """Seconds since it did."""
        return self._monotonic() - self._marked


@dataclass(frozen=True, slots=True)
class Checks:
    """`required`: without one of them the process can do nothing. `degradable`: it can do part of its work."""

    required: Mapping[str, Check] = field(default_factory=dict)
    degradable: Mapping[str, Check] = field(default_factory=dict)
    loops: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    """By name, the seconds since each loop last moved."""


@dataclass(frozen=True, slots=True)
class Health:
    """An answer: an HTTP status and a JSON body."""

    status: int
    body: dict[str, Any]


def liveness(checks: Checks, clock: Clock, stuck_after: float = STUCK_AFTER_SECONDS) -> Health:
    """200, or 503 naming the loops that have not moved for `stuck_after` seconds."""
    stuck = sorted(name for name, age in checks.loops.items() if age() > stuck_after)
    if stuck:
        return _unhealthy(f"Not moving: {', '.join(stuck)}.", ErrorCode.INTERNAL, stuck, clock)
    return Health(200, {"status": "success"})


async def readiness(checks: Checks, clock: Clock, check_timeout: float = CHECK_TIMEOUT_SECONDS) -> Health:
    """200, with `degraded` naming what is away; 503 where something required is. All are asked at once."""
    names = [*checks.required, *checks.degradable]
    asked = [*checks.required.values(), *checks.degradable.values()]
    answers = await asyncio.gather(*(_passes(check, check_timeout) for check in asked))
    away = [name for name, passed in zip(names, answers, strict=True) if not passed]
    failed = [name for name in away if name in checks.required]
    if failed:
        return _unhealthy(f"Cannot be used now: {', '.join(failed)}.", ErrorCode.STORE_UNAVAILABLE, failed, clock)
    degraded = [name for name in away if name not in checks.required]
    return Health(200, {"status": "success"} | ({"degraded": degraded} if degraded else {}))


async def _passes(check: Check, seconds: float) -> bool:
    try:
        await asyncio.wait_for(check(), seconds)
    except Exception:  # noqa: BLE001 - whatever a check raises, its answer is no
        return False
    return True


def _unhealthy(sentence: str, code: ErrorCode, failed: list[str], clock: Clock) -> Health:
    body = {
        "status": "error",
        "error": sentence,
        "code": code.value,
        "request_id": get_contextvars().get("request_id") or new_request_id(),
        "timestamp": iso_millis(clock()),
        "failed": failed,
    }
    return Health(503, body)
