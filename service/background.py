"""Work that goes on beside requests: the same loop for all of it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from service.errors import StoreError

_log = structlog.get_logger(__name__)


async def keep_doing(
    name: str, work: Callable[[], Awaitable[object]], every_seconds: float, stop: asyncio.Event
) -> None:
    """Do `work` again and again until `stop`; with MongoDB away it is put off. Raises whatever else `work` raises."""
    while not stop.is_set():
        try:
            await work()
        except StoreError as error:
            _log.warning("background_work_put_off", work=name, reason=type(error).__name__)
        try:
            await asyncio.wait_for(stop.wait(), every_seconds)
        except TimeoutError:
            continue
