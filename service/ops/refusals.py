"""Telling an operator that a server refuses us: in the log, with what to do, and not with every attempt."""

import time

import structlog

SILENCE_SECONDS = 30.0

_log = structlog.get_logger(__name__)
_told: dict[tuple[str, str], float] = {}


def tell_refusal(server: str, what_to_do: str) -> None:
    """One line of severity error; the same one again after half a minute at the earliest."""
    now = time.monotonic()
    last = _told.get((server, what_to_do))
    if last is None or now - last >= SILENCE_SECONDS:
        _told[server, what_to_do] = now
        _log.error("server_refuses_us", server=server, what_to_do=what_to_do)
