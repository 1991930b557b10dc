"""What a library says again and again while a server is away, some tens of times a second, said now and then."""

import logging
from collections.abc import Callable, Collection
from time import monotonic


class NotAgainSoon(logging.Filter):
    """For a handler. Of each place in the code of `loggers` (and those below them) it lets one line pass in `seconds`.

    The next one says how many were left out: `Unable connect to node with id 1 (and 212 like it before)`. Errors that
    differ only in their details are of one place, so that memory is bounded by the library's code.
    """

    def __init__(self, loggers: Collection[str], seconds: float = 10.0, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._loggers = frozenset(loggers)
        self._seconds = seconds
        self._clock = clock
        self._said: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for what was said a moment ago."""
        if record.name.partition(".")[0] not in self._loggers:
            return True
        place, now = (record.pathname, record.lineno), self._clock()
        said_at, left_out = self._said.get(place, (float("-inf"), 0))
        if now - said_at < self._seconds:
            self._said[place] = (said_at, left_out + 1)
            return False
        self._said[place] = (now, 0)
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} like it before)"
            record.args = None
        return True
