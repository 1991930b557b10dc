"""Coroutines taken step by step, without an event loop: whoever tests chooses who goes on next, and who dies."""

import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import coroutine
from typing import Any, cast

from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.contacts.locks import ContactLocks
from service.erasure.guard import NOBODY_ERASED
from service.errors import IdentityTakenError
from service.identity.linking import Linker
from service.identity.model import Identity
from tests.support.events import MORNING
from tests.support.memory_store import MemoryStore

Work = Callable[[], Coroutine[Any, Any, Any]]
Schedule = Sequence[tuple[int, int]]

A_CENTURY = timedelta(days=36_500)
"""Link tasks are named by the real clock; so much later every one of them is old."""


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


def nothing() -> None:
    """What there is to see after a step, mostly."""


def run_to_end(work: Coroutine[Any, Any, Any], after_each: Callable[[], None] = nothing) -> None:
    """Alone, without anybody in between; `after_each` of its steps may look at what is there."""
    while step(work):
        after_each()


def interleave(
    works: Sequence[Work], schedule: Schedule, killed: Callable[[], None], after_each: Callable[[], None] = nothing
) -> None:
    """Run all to their ends, in the order of the schedule: a step names who makes it, and kills them instead where its
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
        after_each()
    for _, work in running:
        run_to_end(work, after_each)


def forget(linker: Linker) -> None:
    """What a process that dies held in memory."""
    linker._finished.clear()
    linker._unfinished.clear()


async def link_the_rest(linker: Linker) -> None:
    """What whoever sweeps does in time."""
    await linker.work_off()
    await linker.sweep()
    await linker.flush()


class LinkingWorld:
    """A store in memory, and contacts that come to be; whoever else works on it is added."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        # It has what these use-cases need, not all of a store.
        self.store = cast("Any", MemoryStore(turn))
        self.now = MORNING
        ids = itertools.count()
        self.linker = Linker(self.store, lambda: self.now, NOBODY_ERASED)
        self.create = ContactCreator(
            self.store, self.linker, lambda: self.now, NOBODY_ERASED, lambda: f"ct_{next(ids)}"
        )

    async def create_contact(
        self, email: str, visitors: Sequence[str] = (), external_ids: Sequence[Identity] = ()
    ) -> None:
        """A client's request; a refusal is an answer too."""
        wanted = CreateContact.model_validate({"email": email, "visitor_id": list(visitors)})
        try:
            await self.create(Caller(self.tenant_id, "key", None), wanted, external_ids)
        except IdentityTakenError:
            return

    def killed(self) -> None:
        """What a process held in memory is gone."""
        forget(self.linker)

    def settle(self) -> None:
        """Time passes, and whoever sweeps, sweeps."""
        self.now += A_CENTURY
        run_to_end(link_the_rest(self.linker))
