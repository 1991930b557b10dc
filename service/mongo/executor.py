"""Several queries in one go to a thread and back, which Motor makes for each: 0.25 ms of processor time each time."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from motor.frameworks.asyncio import run_on_executor

T = TypeVar("T")


async def in_a_thread(work: Callable[[], T]) -> T:
    """Do it in one of Motor's threads. `work` uses PyMongo's own objects, which Motor's have as `delegate`."""
    done: T = await run_on_executor(asyncio.get_running_loop(), work)  # type: ignore[no-untyped-call]
    return done
