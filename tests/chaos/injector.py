"""Strikes: does to processes, servers and links what the schedule says, when it says so."""

import asyncio
import os
import signal
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from deploy.stack.errors import ProcessDied
from tests.chaos.faults import Blow, Fault
from tests.support.tcp_proxy import TcpProxy

Say = Callable[[str], None]

_ALONE_S = 1.0


class Victim(Protocol):
    """A process: one of the service's, or a server."""

    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def check(self) -> None: ...


@dataclass(slots=True)
class Targets:
    """What can be struck, by name. Who is meant is found out when the blow falls: a primary is not always the same."""

    victims: dict[str, Callable[[], Awaitable[Victim]]] = field(default_factory=dict)
    links: dict[str, TcpProxy] = field(default_factory=dict)
    others_of: Callable[[Victim], list[Victim]] = lambda _: []
    """The other members of a victim's replica set."""

    def add(self, name: str, victim: Victim) -> None:
        """One that is always the same."""

        async def the_same() -> Victim:
            return victim

        self.victims[name] = the_same


class Injector:
    """Runs a schedule; at its end everything runs again and lets everything through."""

    def __init__(self, targets: Targets, say: Say) -> None:
        self.struck: Counter[tuple[str, Blow]] = Counter()
        self.deaths: list[str] = []
        """Processes that were found dead without having been killed."""
        self.left_out = 0
        """Faults that found no time any more."""
        self._targets = targets
        self._say = say
        self._turns: Mapping[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self, faults: Sequence[Fault], seconds: float) -> None:
        """Each fault at its time; one that finds its target still coming back waits for it, `seconds` in all at most:
        on a slow machine there are fewer faults, not a longer run."""
        clock = asyncio.get_running_loop().time
        began = clock()
        async with asyncio.TaskGroup() as strikes:
            for fault in faults:
                await asyncio.sleep(max(began + fault.at - clock(), 0))
                strikes.create_task(self._strike(fault, began + seconds))

    async def _strike(self, fault: Fault, until: float) -> None:
        async with self._turns[fault.target]:
            if asyncio.get_running_loop().time() > until:
                self.left_out += 1
                return
            self._say(f"{fault.target}: {fault.blow} ({fault.seconds} s)")
            self.struck[fault.target, fault.blow] += 1
            if fault.blow is Blow.RESET:
                self._targets.links[fault.target].reset()
            elif fault.blow is Blow.HOLD:
                await self._hold(self._targets.links[fault.target], fault.seconds)
            else:
                await self._hit(await self._targets.victims[fault.target](), fault)

    async def _hold(self, link: TcpProxy, seconds: float) -> None:
        link.hold()
        try:
            await asyncio.sleep(seconds)
        finally:
            link.release()

    async def _hit(self, victim: Victim, fault: Fault) -> None:
        try:
            victim.check()
        except ProcessDied as death:
            self.deaths.append(str(death))
            await asyncio.to_thread(victim.start)
            return
        if fault.blow is Blow.FREEZE:
            with _frozen([victim]):
                await asyncio.sleep(fault.seconds)
            return
        if fault.blow is Blow.DEPOSE:
            with _frozen(self._targets.others_of(victim)):
                await asyncio.sleep(_ALONE_S)
                await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(victim.start)


@contextmanager
def _frozen(victims: Sequence[Victim]) -> Iterator[None]:
    pids = [victim.pid for victim in victims if victim.pid is not None]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
