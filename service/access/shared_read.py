"""Requests that come together share a read of what they all need, and nobody gets what was read before it asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """At most one read of a key is on its way, and one waits for it: whoever asks meanwhile gets the answer of the one
    that waits, which begins later. So nothing is ever kept, and a committed change is seen by all who ask after it.
    """

    def __init__(self, read: Callable[[str], Awaitable[T]]) -> None:
        self._read = read
        self._running: dict[str, asyncio.Task[T]] = {}
        self._waiting: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, key: str) -> T:
        """What `read(key)` answers or raises, having begun no earlier than now."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.create_task(self._next(key))
        # Another may wait for it too: that this one gives up must not end it.
        return await asyncio.shield(task)

    async def _next(self, key: str) -> T:
        if running := self._running.get(key):
            await asyncio.wait([running])
        mine = self._waiting.pop(key)
        self._running[key] = mine
        try:
            return await self._read(key)
        finally:
            del self._running[key]
