"""One writer at a time on one contact, within this process (design, decision 9).

Nothing depends on it for correctness: transactions do that. It only keeps writers of a busy contact from undoing one
another's work again and again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from service.errors import ContendedError

DEADLINE_SECONDS = 8.0


class ContactLocks:
    """Locks by contact id, forgotten when nobody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, contact_id: str) -> AsyncIterator[None]:
        """Wait for the contact's turn. Raises ContendedError after 8 s."""
        lock = self._locks.get(contact_id)
        if lock is None:
            lock = self._locks[contact_id] = asyncio.Lock()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await lock.acquire()
        except TimeoutError:
            raise ContendedError from None
        try:
            yield
        finally:
            lock.release()
