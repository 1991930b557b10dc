"""One case from beginning to end: a system under load and under fire, then quiet, then judged."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.stack.errors import StackError
from schemas.topics import SOURCES
from tests.chaos.arenas import Arena
from tests.chaos.faults import Blow, schedule
from tests.chaos.injector import Injector, Say
from tests.chaos.judge import judge
from tests.chaos.load import Load
from tests.chaos.operations import Kind
from tests.chaos.seen import Seen, see
from tests.support.running_system import System
from tests.support.service_processes import ServiceProcess
from tests.support.waiting import eventually

Stage = Callable[[Path], AbstractAsyncContextManager[Arena]]

ANSWERED_S = 120.0
SETTLED_S = 120.0
STOPPED_S = 12.0
"""Longer than any of our processes may take to end on SIGTERM."""
_SAY_EVERY_S = 10.0


@dataclass(slots=True)
class Verdict:
    """What was done, what was found."""

    name: str
    struck: Counter[tuple[str, Blow]] = field(default_factory=Counter)
    left_out: int = 0
    done: Counter[Kind] = field(default_factory=Counter)
    asked_again: Counter[Kind] = field(default_factory=Counter)
    found: dict[str, int] = field(default_factory=dict)
    """Some figures of what the judge has looked at."""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def run_case(name: str, stage: Stage, seed: int, seconds: float, directory: Path, say: Say) -> Verdict:
    """`seconds` of fire; starting, settling and judging come on top."""
    began = time.monotonic()
    verdict = Verdict(name)
    say(f"{name}: starting everything ...")
    async with stage(directory) as arena:
        topics = arena.system.topics
        load = Load(seed, arena.users, topics.kafka_bootstrap, topics.topic_prefix, latest_is_read=arena.latest_is_read)
        injector = Injector(arena.targets, say)
        await _fire(arena, load, injector, seed, seconds, say)
        say(f"{name}: the last answer is there; waiting until all is worked off ...")
        try:
            await _settle(arena.system)
        except AssertionError as late:
            verdict.faults.append(str(late))  # and the judge says what it comes to
        verdict.faults += await _ended(arena.system.apis)  # nothing that was begun and given up is under way any more
        await _ready(arena.system.apis)
        say(f"{name}: judging ...")
        seen = await see(arena.system, load.expected)
        verdict.faults += [*load.surprises, *injector.deaths, *judge(load.expected, seen)]
        verdict.faults += await _ended(arena.system.processes)
        verdict.faults += [fault for one in arena.system.processes for fault in complaints(one.log_text())]
    verdict.faults += _left_behind()
    verdict.struck, verdict.done, verdict.asked_again = injector.struck, load.done, load.asked_again
    verdict.left_out = injector.left_out
    verdict.found = _figures(seen)
    verdict.seconds = time.monotonic() - began
    return verdict


async def _fire(arena: Arena, load: Load, injector: Injector, seed: int, seconds: float, say: Say) -> None:
    faults = schedule(seed, seconds, arena.deck)
    say(f"{len(faults)} faults in {seconds:.0f} s, under load")
    running, telling = asyncio.create_task(load.run()), asyncio.create_task(_tell(load, say))
    try:
        await injector.run(faults, seconds)
        load.stop()
        async with asyncio.timeout(ANSWERED_S):
            await running
    finally:
        for task in (running, telling):
            task.cancel()


async def _tell(load: Load, say: Say) -> None:
    while True:
        await asyncio.sleep(_SAY_EVERY_S)
        say(f"{load.done.total()} operations done, {load.asked_again.total()} of them not at the first try")


async def _settle(system: System) -> None:
    """Everything runs, and has nothing left to do."""
    for process in system.processes:
        await process.wait_ready()
    for source in SOURCES:
        await system.all_consumed(SETTLED_S, source)
    await system.outbox_empty(SETTLED_S)
    identities = system.core.store.database["identities"]

    async def linked() -> bool:
        return await identities.count_documents({"link_task": {"$exists": True}}) == 0

    await eventually(linked, SETTLED_S, "no link task is left")


async def _ended(processes: Sequence[ServiceProcess]) -> list[str]:
    """End them in an orderly way; what is wrong with how they end."""
    faults = []
    for one in processes:
        if not one.process.running():
            faults.append(f"{one.process.name} was not running at the end: {one.process.output()[-500:]}")
        one.process.terminate()
    for one in processes:
        try:
            status = await asyncio.to_thread(one.process.wait_exit, STOPPED_S, threading.Event())
        except StackError as error:
            faults.append(str(error))
            continue
        if status != 0:
            faults.append(f"{one.process.name} ended with status {status} on SIGTERM: {one.process.output()[-500:]}")
    return faults


async def _ready(processes: Sequence[ServiceProcess]) -> None:
    for one in processes:
        one.start()
    for one in processes:
        await one.wait_ready()


def complaints(log: str) -> list[str]:
    """What of a process's log says that something went wrong in it, each once: that Kafka is away, which aiokafka calls
    an error, is not of that kind, nor what asyncio finds of it in futures and callbacks that are aiokafka's own."""
    found: dict[str, None] = {}
    for line in log.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            found[f"log: no JSON: {line[:200]}"] = None
            continue
        logger, exception = str(told.get("logger")), str(told.get("exception", ""))
        kafka = "aiokafka" in f"{told.get('event')}{exception}".lower()
        theirs = logger.startswith("aiokafka") or (logger == "asyncio" and kafka)
        if told.get("level") in ("error", "critical") and not theirs:
            found[f"log: {logger}: {told.get('event')} {exception[-300:]}"] = None
    return list(found)


def _left_behind() -> list[str]:
    """But Python's own two, from which our processes are forked: they end with this one."""
    me = psutil.Process()
    left = [one for one in me.children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    told = [(one.ppid(), " ".join(one.cmdline())[:200]) for one in left]
    return [f"left behind: {line}" for parent, line in told if parent != me.pid or "multiprocessing" not in line]


def _figures(seen: Seen) -> dict[str, int]:
    repeats = sum(len(events) - len({event.id for event in events}) for events in seen.feed.values())
    sources = seen.sources.values()
    return {
        "contacts living": len(seen.stored),
        "contacts deleted": len(seen.contacts) - len(seen.stored),
        "notes": sum(len(one.notes) for one in seen.contacts.values()),
        "timeline entries": sum(len(one.entries) + len(one.changes) for one in seen.contacts.values()),
        "feed events": sum(map(len, seen.feed.values())) - repeats,
        "feed repeats": repeats,
        "snapshots": len(seen.snapshots),
        "source records": sum(one.records.total() for one in sources),
        "source duplicates": sum(one.outcomes["duplicate"] for one in sources),
        "dead letters": sum(len(one.dead) for one in sources),
    }
