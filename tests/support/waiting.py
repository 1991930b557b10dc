"""Waiting for a condition with a deadline: nothing sleeps in a test for a time that somebody guessed."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.02


def wait_until(predicate: Callable[[], T], deadline_s: float, what: str) -> T:
    """Polls until `predicate()` is true, and returns its value. Fails the test after `deadline_s` seconds."""
    deadline = time.monotonic() + deadline_s
    clock = threading.Event()
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s} s: {what} (last value: {value!r})")
        clock.wait(_POLL_S)
    return value


async def eventually(predicate: Callable[[], Awaitable[T]], deadline_s: float, what: str) -> T:
    """The same for a coroutine function."""
    deadline = time.monotonic() + deadline_s
    while not (value := await predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s} s: {what} (last value: {value!r})")
        await asyncio.sleep(_POLL_S)
    return value
