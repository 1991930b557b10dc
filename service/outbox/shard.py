"""Publishing one shard, for as long as its lease lasts."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import structlog

from schemas.topics import MAX_RECORD_BYTES
from service.clock import Clock
from service.errors import StoreError, StoreUnavailableError, StreamUnavailableError
from service.outbox import observe
from service.outbox.model import OutboxRecord
from service.outbox.ports import Queue
from service.outbox.publisher import Publisher, PublisherFactory, PublisherFencedError
from service.outbox.snapshots import with_snapshots

T = TypeVar("T")
Prepare = Callable[[Sequence[OutboxRecord]], Sequence[OutboxRecord]]
"""What is published of a batch."""
Tell = Callable[[int, Sequence[OutboxRecord], float, datetime], None]
"""Told of each batch: see `service.outbox.observe.published`."""

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
_STORE_SECONDS = 10.0
_REPORT_EVERY = 10

_log = structlog.get_logger(__name__)


class ShardWorker:
    """Reads what waits in a shard, publishes it, marks it: in order, and again whatever is not marked."""

    def __init__(
        self,
        shard: int,
        queue: Queue,
        publisher_factory: PublisherFactory,
        *,
        batch: int,
        clock: Clock,
        until: float,
        prepare: Prepare = with_snapshots,
        tell: Tell = observe.published,
    ) -> None:
        """`until`: when the lease ends, in the event loop's time."""
        self.shard = shard
        self.trouble: StoreError | StreamUnavailableError | None = None
        self.last_progress = asyncio.get_running_loop().time()
        self._queue = queue
        self._prepare = prepare
        self._tell = tell
        self._publisher_factory = publisher_factory
        self._publisher: Publisher | None = None
        self._batch = batch
        self._clock = clock
        self._turn = asyncio.timeout_at(until)
        self._until = until
        self._running = False
        self._unmarked: list[str] = []
        self._wake = asyncio.Event()
        self._wake.set()
        self._drained = asyncio.Event()

    def wake(self) -> None:
        """Something may wait."""
        self._wake.set()

    def drain(self) -> None:
        """Finish the batch in flight, then end."""
        self._drained.set()
        self._wake.set()

    def cut(self) -> None:
        """End now, whatever is in flight."""
        self._until = float("-inf")
        if self._running and not self._turn.expired():
            self._turn.reschedule(asyncio.get_running_loop().time())

    def extend(self, until: float) -> None:
        """The lease was renewed. Too late does nothing: the turn is over, and the next one starts from the lease."""
        if self._running and not self._turn.expired():
            self._until = until
            self._turn.reschedule(until)

    async def run(self) -> None:
        """Until drained, or the lease ends. Raises PublisherFencedError; anything unforeseen is a fault in here.

        `close` afterwards.
        """
        try:
            async with self._turn:
                self._running = True
                await self._run()
        except TimeoutError:
            if not self._turn.expired():
                raise
            _log.warning("relay_turn_cut_short", shard=self.shard)
        finally:
            self._running = False

    async def close(self) -> None:
        """Let go of the publisher, in bounded time."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.stop()

    async def _run(self) -> None:
        failures = 0
        while not self._over():
            self._moved()
            try:
                publisher = await self._started_publisher()
                await self._wake.wait()
                self._wake.clear()
                await self._publish_waiting(publisher)
            except PublisherFencedError:
                raise
            except (StoreError, StreamUnavailableError) as error:
                await self._failed(error, failures)
                failures += 1
            else:
                if failures:
                    _log.info("relay_recovered", shard=self.shard, failures=failures)
                self.trouble, failures = None, 0

    async def _started_publisher(self) -> Publisher:
        """Started before anything is read: what a predecessor could still publish and mark, it has by then."""
        if self._publisher is None:
            self._publisher = self._publisher_factory(self.shard)
            await self._publisher.start()
        return self._publisher

    async def _publish_waiting(self, publisher: Publisher) -> None:
        await self._mark()
        while not self._over():
            records = await _bounded(self._queue.unpublished(self.shard, self._batch))
            if not records or self._over():
                return
            started = asyncio.get_running_loop().time()
            await publisher.publish(self._prepare(records))
            published_at = self._clock()
            self._unmarked = [record.record_id for record in records]
            self._tell(self.shard, records, asyncio.get_running_loop().time() - started, published_at)
            await self._mark()
            self._moved()
            if not self._may_be_more(records):
                return

    async def _mark(self) -> None:
        """Mark what Kafka has; kept in mind until that is done, so that MongoDB's absence alone repeats nothing."""
        if self._unmarked:
            await _bounded(self._queue.mark_published(self._unmarked))
            self._unmarked = []

    def _may_be_more(self, records: Sequence[OutboxRecord]) -> bool:
        return len(records) >= self._batch or sum(len(record.value) for record in records) >= MAX_RECORD_BYTES

    async def _failed(self, error: StoreError | StreamUnavailableError, failures: int) -> None:
        self.trouble = error
        self._wake.set()  # after the pause, work resumes at the first record that is not marked
        if failures % _REPORT_EVERY == 0:
            _log.warning("relay_failed", shard=self.shard, error=type(error).__name__, reason=str(error))
        if isinstance(error, StreamUnavailableError):
            await self.close()
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(failures, 10), _LONGEST_PAUSE_SECONDS)
        try:
            async with asyncio.timeout(pause * random.uniform(0.5, 1)):  # noqa: S311 - no secret
                await self._drained.wait()
        except TimeoutError:
            return

    def _over(self) -> bool:
        """The clock is asked too: a process that was stopped and continued runs before its timers do."""
        return self._drained.is_set() or asyncio.get_running_loop().time() >= self._until

    def _moved(self) -> None:
        self.last_progress = asyncio.get_running_loop().time()


async def _bounded(answer: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_STORE_SECONDS):
            return await answer
    except TimeoutError:
        raise StoreUnavailableError from None
