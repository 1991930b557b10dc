"""Time, injected: nothing deep inside reads the machine's clock."""

from collections.abc import Callable
from datetime import UTC, datetime

from schemas.timestamps import to_utc_millis

Clock = Callable[[], datetime]
"""Gives the present instant, in UTC, cut to the millisecond that MongoDB keeps."""


def system_clock() -> datetime:
    """The machine's clock."""
    return to_utc_millis(datetime.now(UTC))
