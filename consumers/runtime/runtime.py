"""The consumer runtime: poll, dispatch, commit, rebalance, drain (design, decisions 6 and 7).

What one poll gives is one piece of work. A partition is in at most one and is not polled meanwhile: that pauses it, and
others go on. A poll that gave little is followed by a short rest, in which more may come: a transaction costs about as
much for one record as for fifty.
(aiokafka's `pause` is not used: it throws away what was fetched ahead, which would be fetched again for every batch.)
aiokafka rebalances eagerly: each rebalance revokes everything, and positions start again from the committed offsets.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError

from consumers.runtime.client import make_consumer
from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.lag import Lag
from consumers.runtime.outcomes import RETRYABLE, Handler, Record
from consumers.runtime.records import to_record
from consumers.runtime.retry import backoff
from consumers.runtime.work import CountDead, Limits, Work
from schemas.topics import consumer_group
from service.clock import Clock
from service.errors import StreamUnavailableError
from service.kafka.connection import start_client
from service.ops import metrics
from service.ops.health import Progress
from service.settings import ConsumerSettings

BATCHES_AT_ONCE = 4
POLL_SECONDS = 1.0
GATHER_SECONDS = 0.05
COMMIT_SECONDS = 5.0
_CANCEL_SECONDS = 0.5
_LEAVE_SECONDS = 0.5
_CLOSE_SECONDS = 0.2

log = structlog.get_logger(__name__)


class ConsumerRuntime(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One member of a source's consumer group. `run` it once."""

    def __init__(self, handler: Handler, settings: ConsumerSettings, clock: Clock, count_dead: CountDead) -> None:
        self._handler = handler
        self._count_dead = count_dead
        self._clock = clock
        self._settings = settings
        self._topic = f"{settings.topic_prefix}{handler.topic}"
        self.group_id = consumer_group(settings.topic_prefix, handler.name)
        self._limits = Limits(settings.consumer_batch, settings.consumer_batch_bytes, BATCHES_AT_ONCE)
        self._dead_letters = DeadLetters(settings, self.group_id, clock)
        self._slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        self._lag = Lag()
        self._progress = Progress()
        self._works: dict[Any, tuple[Work, asyncio.Task[None]]] = {}
        self._wake = asyncio.Event()
        self._accepting = False
        self._epoch = 0
        self._failures = 0
        self._fault: BaseException | None = None

    @property
    def joined(self) -> bool:
        """Whether it is a member of its group with an assignment (maybe an empty one), and no rebalance is on."""
        return self._accepting

    async def check_joined(self) -> None:
        """The same as a readiness check. Raises StreamUnavailableError."""
        if not self._accepting:
            raise StreamUnavailableError

    def progress_age(self) -> float:
        """Seconds since the loop last moved, or since the slowest attempt in hand began, whichever is more."""
        return max([self._progress.age(), *(work.stuck_seconds() for work, _ in self._works.values())])

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`, then drain and leave the group. Raises a handler's fault outside one record.

        While Kafka is away it connects anew, for ever; the committed offsets are its place.
        """
        try:
            while not stop.is_set():
                try:
                    await self._session(stop)
                except RETRYABLE as error:
                    metrics.CONSUMER_RETRIES.labels(self._handler.name, "connect", type(error).__name__).inc()
                    log.warning("kafka_unavailable", source=self._handler.name, error=type(error).__name__)
                    await self._rest(stop, backoff(self._failures))
                    self._failures += 1
                if self._fault is not None:
                    raise self._fault
        finally:
            await self._dead_letters.close()

    # --- one connection --------------------------------------------------------------------------------------------

    async def _session(self, stop: asyncio.Event) -> None:
        consumer = make_consumer(self._settings, self.group_id)
        consumer.subscribe([self._topic], listener=self)
        stopping = asyncio.create_task(stop.wait())
        measuring = asyncio.create_task(self._lag.measure_for_ever(consumer))
        try:
            if await self._connected(consumer, stopping):
                log.info("consumer_joined", source=self._handler.name, topic=self._topic, group=self.group_id)
                while not stop.is_set() and self._fault is None:
                    await self._round(consumer, stopping)
        finally:
            self._accepting = False
            await self._drain()
            stopping.cancel()
            await _cancel(measuring)
            self._lag.forget(consumer.assignment())
            await _leave(consumer)
            log.info("consumer_left", source=self._handler.name, group=self.group_id)

    async def _connected(self, consumer: Any, stopping: asyncio.Task[bool]) -> bool:
        starting = asyncio.create_task(start_client(consumer, self._settings))
        try:
            while not starting.done() and not stopping.done():
                await asyncio.wait({starting, stopping}, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                self._mark_progress()
        finally:
            await _cancel(starting)
        if not starting.done() or starting.cancelled():
            return False
        starting.result()
        return True

    async def _round(self, consumer: Any, stopping: asyncio.Task[bool]) -> None:
        """Take what has come for the partitions that are free, or wait until one becomes free."""
        self._wake.clear()
        free = self._free_partitions(consumer)
        awaited: set[asyncio.Task[Any]] = {stopping, woken := asyncio.create_task(self._wake.wait())}
        polling = asyncio.create_task(self._take(consumer, free)) if free else None
        if polling is not None:
            awaited.add(polling)
        await asyncio.wait(awaited, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        self._mark_progress()
        if polling is not None:
            await _cancel(polling)
            if not polling.cancelled() and 0 < polling.result() < self._limits.batch_records:
                await asyncio.wait({stopping}, timeout=GATHER_SECONDS)

    async def _take(self, consumer: Any, free: Iterable[Any]) -> int:
        """How many records."""
        fetched = await consumer.getmany(
            *free, timeout_ms=int(POLL_SECONDS * 1000), max_records=self._limits.batch_records
        )
        # No await from here on: aiokafka has moved the positions, so what it gave must be taken up before anything else
        # (a rebalance, a cancellation) can happen.
        if not fetched:
            return 0
        for partition, raw_records in fetched.items():
            self._lag.seen(partition, raw_records[0].offset)
        records = [to_record(raw) for raw_records in fetched.values() for raw in raw_records]
        self._begin(consumer, {partition.partition: partition for partition in fetched}, records)
        return len(records)

    def _free_partitions(self, consumer: Any) -> list[Any]:
        if not self._accepting:
            return []
        busy = {task for work, task in self._works.values() if not work.waiting}
        if len(busy) >= self._limits.batches_at_once:
            return []
        return [partition for partition in consumer.assignment() if partition not in self._works]

    def _mark_progress(self) -> None:
        self._progress.mark()
        metrics.CONSUMER_LAST_PROGRESS.labels(self._handler.name).set_to_current_time()

    # --- work ------------------------------------------------------------------------------------------------------

    def _begin(self, consumer: Any, partitions: Mapping[int, Any], records: Sequence[Record]) -> None:
        epoch = self._epoch

        async def commit(offsets: Mapping[int, int]) -> None:
            if epoch != self._epoch:
                # aiokafka would commit under the present generation, which may own the partitions anew.
                raise IllegalStateError
            named = {partitions[number]: offset for number, offset in offsets.items()}
            # aiokafka itself tries for ever while Kafka is away; one try at a time lets it be counted, and given up.
            await asyncio.wait_for(consumer.commit(named), COMMIT_SECONDS)
            for partition, offset in named.items():
                self._lag.finished(partition, offset)

        def ended(task: asyncio.Task[None]) -> None:
            for partition in partitions.values():
                del self._works[partition]
            if not task.cancelled() and (fault := task.exception()) is not None:
                log.error("fault", source=self._handler.name, error=type(fault).__name__, exc_info=fault)
                self._fault = self._fault or fault
            elif self._accepting and epoch == self._epoch:
                for number, left in work.apart.items():
                    self._begin(consumer, {number: partitions[number]}, left)
            self._count_works()
            self._wake.set()

        publish = self._dead_letters.publish
        work = Work(self._handler, records, self._limits, self._slots, self._count_dead, publish, commit, self._clock)
        task = asyncio.create_task(work.run(), name=f"{records[0].topic}-{','.join(map(str, partitions))}")
        self._works |= dict.fromkeys(partitions.values(), (work, task))
        self._count_works()
        task.add_done_callback(ended)

    def _count_works(self) -> None:
        metrics.CONSUMER_IN_FLIGHT.labels(self._handler.name).set(len({task for _, task in self._works.values()}))

    async def _drain(self) -> None:
        """Let work in hand finish and commit, within bounds; cancel the rest, of which nothing is committed."""
        tasks = {task for _, task in self._works.values()}
        for work, _ in self._works.values():
            work.give_up()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._settings.consumer_drain_seconds)
        for task in late:
            task.cancel()
        if late:
            log.warning("drain_cut_short", source=self._handler.name, cancelled=len(late))
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)

    # --- rebalance -------------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Called while the group waits for us (aiokafka goes on with heartbeats): finish, commit, let go."""
        self._accepting = False
        await self._drain()
        self._epoch += 1
        self._lag.forget(revoked)
        metrics.CONSUMER_PARTITIONS.labels(self._handler.name).set(0)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """A new assignment; each position starts at the committed offset."""
        partitions = sorted(partition.partition for partition in assigned)
        metrics.CONSUMER_PARTITIONS.labels(self._handler.name).set(len(partitions))
        log.info("partitions_assigned", source=self._handler.name, partitions=partitions)
        self._accepting = True
        self._failures = 0
        self._wake.set()

    async def _rest(self, stop: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
        self._mark_progress()


async def _leave(consumer: Any) -> None:
    """Leave the group, so that the others need not wait for our session to run out."""
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=_LEAVE_SECONDS)
    await _cancel(stopping)
    if stopping.cancelled() or stopping.exception() is not None:
        # With the broker away, aiokafka's stop may end in a cancellation of its own and forget to close the client,
        # whose tasks would then go on for ever beside the next connection's.
        closing = asyncio.create_task(consumer._client.close())  # noqa: SLF001 - it has no public way
        await asyncio.wait({closing}, timeout=_CLOSE_SECONDS)
        await _cancel(closing)
        log.info("left_without_a_word", error=_name_of_failure(stopping))


def _name_of_failure(task: asyncio.Task[Any]) -> str:
    return "CancelledError" if task.cancelled() else type(task.exception()).__name__


async def _cancel(task: asyncio.Task[Any]) -> None:
    """Cancel and await the end. What a task has finished with is still there to be asked for."""
    task.cancel()
    await asyncio.wait({task})
