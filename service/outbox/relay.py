"""The relay: publishes what waits in the shards that it holds leases for (design, decision 8)."""

import asyncio
import random
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from service.clock import Clock, system_clock
from service.errors import StoreError, StoreUnavailableError
from service.outbox import observe
from service.outbox.leasing import LeaseKeeper, Round
from service.outbox.ports import Leases, Outbox, Queue
from service.outbox.publisher import PublisherFactory, PublisherFencedError
from service.outbox.shard import ShardWorker
from service.outbox.turn import ShardTurn

# Together under 8 s: a batch may finish, what remains is cut and closed, the leases are given back.
_DRAIN_SECONDS = 3.5
_CUT_SECONDS = 2.8
_LEAVE_SECONDS = 1.0
_CANCEL_SECONDS = 0.3
_REWATCH_SECONDS = 1.0
_MEASURE_SECONDS = 5.0
_MEASURE_SHARE = 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where events wait for `contacts.timeline`, and what publishes them. They are looked for by the sweep alone: a
    change stream of all events would cost more than a second is worth."""

    queue: Queue
    publisher_factory: PublisherFactory


class Relay:
    """One relay process. Any number share the shards."""

    def __init__(
        self,
        outbox: Outbox,
        leases: Leases,
        publisher_factory: PublisherFactory,
        holder: str,
        *,
        timeline: Timeline | None = None,
        batch: int = 500,
        sweep_seconds: float = 1.0,
        lease_seconds: float = 5.0,
        clock: Clock = system_clock,
    ) -> None:
        """`holder`: this process's name, never used again by another."""
        self._outbox = outbox
        self._publisher_factory = publisher_factory
        self._timeline = timeline
        self._batch = batch
        self._sweep_seconds = sweep_seconds
        self._clock = clock
        self._keeper = LeaseKeeper(leases, holder, lease_seconds, _now)
        self._turns: dict[int, ShardTurn] = {}
        self._leaving: set[int] = set()
        self._publishing: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._faulted = asyncio.Event()
        self._round_tried_at = self._round_made_at = float("-inf")

    @property
    def last_progress(self) -> float:
        """When the slowest of its loops last moved, on the monotonic clock: for liveness.

        With MongoDB or Kafka away they go on moving, at least every 35 s.
        """
        return min([self._round_tried_at, *(turn.last_progress for turn in self._turns.values())])

    @property
    def shards(self) -> list[int]:
        """Those it publishes now."""
        return sorted(set(self._turns) - self._leaving)

    async def check(self) -> None:
        """For readiness. Raises StoreUnavailableError or StreamUnavailableError for what keeps it from publishing."""
        if _now() - self._round_made_at > self._keeper.seconds:
            raise StoreUnavailableError
        for turn in self._turns.values():
            if turn.trouble is not None:
                raise turn.trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then ends within 8 s, MongoDB and Kafka there or not. Raises what is a fault in here."""
        self._round_tried_at = _now()
        loops = (self._keep_leases(), self._listen(), self._sweep(), self._measure())
        background = [self._watched(loop) for loop in loops]
        waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(self._faulted.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._shut_down([*waiting, *background])
        if self._fault is not None:
            raise self._fault

    def _watched(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose fault ends the relay."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._fault = self._fault or fault
            self._faulted.set()

    # Leases

    async def _keep_leases(self) -> None:
        while True:
            started = self._round_tried_at = _now()
            try:
                self._apply(await self._keeper.round(self.shards, self._leaving))
            except StoreError as error:
                _log.warning("relay_leases_not_kept", error=type(error).__name__)
            else:
                self._round_made_at = _now()
            await asyncio.sleep(max(started + self._keeper.seconds / 3 - _now(), 0.05))

    def _apply(self, outcome: Round) -> None:
        for shard in outcome.renewed:
            if shard in self._turns:
                self._turns[shard].extend(outcome.until)
        for shard in outcome.lost:
            if shard in self._turns:
                self._turns[shard].cut()
        for shard in outcome.surplus:
            if shard in self._turns:
                self._leaving.add(shard)
                self._turns[shard].drain()
        for shard in outcome.gained:
            self._take(shard, outcome.until)

    def _take(self, shard: int, until: float) -> None:
        turn = self._turns[shard] = self._turn(shard, until)
        observe.lease(shard, held=True)
        task = self._watched(self._publish(turn))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    def _turn(self, shard: int, until: float) -> ShardTurn:
        common: dict[str, Any] = {"batch": self._batch, "clock": self._clock, "until": until}
        changes = ShardWorker(shard, self._outbox, self._publisher_factory, **common)
        if self._timeline is None:
            return ShardTurn(changes)
        queue, publisher_factory = self._timeline.queue, self._timeline.publisher_factory
        common |= {"prepare": list, "tell": observe.published_timeline}
        return ShardTurn(changes, ShardWorker(shard, queue, publisher_factory, **common))

    async def _publish(self, turn: ShardTurn) -> None:
        """A turn's life. Its shard comes back only by another round."""
        shard = turn.shard
        try:
            await turn.run()
        except PublisherFencedError:
            _log.warning("relay_fenced", shard=shard)
        finally:
            self._leaving.add(shard)
            await turn.close()
            await self._forget(shard)

    async def _forget(self, shard: int) -> None:
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._keeper.give_back(shard)
        except (StoreError, TimeoutError):
            _log.info("relay_lease_left_to_expire", shard=shard)
        finally:
            del self._turns[shard]
            self._leaving.discard(shard)
            observe.lease(shard, held=False)

    # What wakes the turns

    async def _listen(self) -> None:
        while True:
            try:
                async with self._outbox.watch() as shards:
                    self._wake_all()  # what was committed while nobody listened
                    async for shard in shards:
                        if shard in self._turns:
                            self._turns[shard].wake()
            except StoreError as error:
                _log.warning("relay_change_stream_lost", error=type(error).__name__)
            await asyncio.sleep(_REWATCH_SECONDS * random.uniform(0.2, 1))  # noqa: S311 - no secret

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_seconds)
            self._wake_all()

    def _wake_all(self) -> None:
        for turn in self._turns.values():
            turn.look()

    async def _measure(self) -> None:
        """Counting costs what it counts, so it takes at most a twentieth of the time."""
        while True:
            started = _now()
            try:
                observe.backlog(await self._outbox.backlog(), self.shards, self._clock())
                if self._timeline is not None:
                    waiting = await self._timeline.queue.backlog()
                    observe.backlog(waiting, self.shards, self._clock(), timeline=True)
            except StoreError:
                _log.debug("relay_backlog_unknown")
            await asyncio.sleep(max(_MEASURE_SECONDS, _MEASURE_SHARE * (_now() - started)))

    # The end

    async def _shut_down(self, background: Sequence[asyncio.Task[Any]]) -> None:
        for task in background:
            task.cancel()
        for turn in self._turns.values():
            turn.drain()
        await _wait_for(self._publishing, _DRAIN_SECONDS)
        for turn in self._turns.values():
            turn.cut()
        await _wait_for(self._publishing, _CUT_SECONDS)
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._keeper.depart()
        except (StoreError, TimeoutError):
            _log.info("relay_membership_left_to_expire")
        for task in background:
            task.cancel()  # closing a change stream waits for MongoDB, which may be stopped
        await _wait_for(background, _CANCEL_SECONDS)


async def _wait_for(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
