"""Coroutines taken step by step, without an event loop: whoever tests chooses who goes on next, and who dies."""

from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager
from types import coroutine
from typing import Any

from service.contacts.locks import ContactLocks

Work = Callable[[], Coroutine[Any, Any, Any]]
Schedule = Sequence[tuple[int, int]]


@coroutine
def turn() -> Generator[None, None, None]:
    """Let somebody else go on."""
    yield


class NoLocks(ContactLocks):
    """Locks only spare work: without them, and without an event loop, the outcome must be the same."""

    @asynccontextmanager
    async def hold(self, contact_id: str) -> AsyncIterator[None]:
        yield


def step(work: Coroutine[Any, Any, Any]) -> bool:
    """One step; False when it is over."""
    try:
        work.send(None)
    except StopIteration:
        return False
    return True


def run_to_end(work: Coroutine[Any, Any, Any]) -> None:
    """Alone, without anybody in between."""
    while step(work):
        continue


def interleave(works: Sequence[Work], schedule: Schedule, killed: Callable[[], None]) -> None:
    """Run all to their ends, in the order of the schedule: a step names who makes it, and kills them first where its
    second number is 0. What was killed begins anew, as a redelivery or a client's second try does."""
    running = [(make, make()) for make in works]
    for who, fate in schedule:
        if not running:
            return
        make, work = running.pop(who % len(running))
        if fate == 0:
            work.close()
            killed()
            running.append((make, make()))
        elif step(work):
            running.append((make, work))
    for _, work in running:
        run_to_end(work)
