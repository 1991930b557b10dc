"""Put a plan's portions into the store, from several processes: making a contact costs as much as storing it."""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait

from deploy.seed.plan import SeedPlan
from deploy.seed.portions import portion_of
from service.mongo.bulk_load import MongoBulkLoad
from service.mongo.store import open_store
from service.settings import MongoSettings

_PROCESSES = min(4, os.cpu_count() or 1)


async def load(settings: MongoSettings, plan: SeedPlan) -> AsyncGenerator[tuple[int, bool]]:
    """Store every portion that is not there yet. Yields each one's number of contacts, and whether it is new, in the
    order of their completion.

    Raises DuplicateKeyError if one collides with what somebody else stored. A portion that was begun is finished.
    """
    pool = ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn"), _Worker.begin, (settings, plan))
    loop = asyncio.get_running_loop()
    waiting = [loop.run_in_executor(pool, _Worker.store, number) for number in range(plan.portions)]
    try:
        for done in asyncio.as_completed(waiting):
            yield await done
    finally:
        pool.shutdown(cancel_futures=True)
        # Of several that fail together, the first has said so.
        await asyncio.gather(*waiting, return_exceptions=True)


class _Worker:
    """What a process of the pool has, from its beginning to its end: its own loop and its own connection."""

    _runner: asyncio.Runner
    _opened: contextlib.AsyncExitStack
    _load: MongoBulkLoad
    _plan: SeedPlan

    @classmethod
    def begin(cls, settings: MongoSettings, plan: SeedPlan) -> None:
        for stopping in (signal.SIGINT, signal.SIGTERM):  # the parent's to handle
            signal.signal(stopping, signal.SIG_IGN)
        threading.Thread(target=_end_with_the_parent, daemon=True).start()
        gc.set_threshold(200_000)  # a portion is many objects at once, and no circle among them
        cls._runner, cls._plan = asyncio.Runner(), plan
        cls._opened = contextlib.AsyncExitStack()  # kept: the store would close with it
        cls._load = MongoBulkLoad(cls._runner.run(cls._opened.enter_async_context(open_store(settings))))

    @classmethod
    def store(cls, number: int) -> tuple[int, bool]:
        return cls._runner.run(cls._store(number))

    @classmethod
    async def _store(cls, number: int) -> tuple[int, bool]:
        portion = portion_of(cls._plan, number)
        new = not await cls._load.has(portion)
        if new:
            await cls._load.store(portion)
        return len(portion.contacts), new


def _end_with_the_parent() -> None:
    """A worker waits for work for ever; were its parent killed, for nothing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
