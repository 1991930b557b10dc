"""One piece of work: what was read at one time, from the handler to the committed offsets.

While little is going on, few records come from each of many partitions: they are handled together, in one transaction.
Where that fails they are left, to be handled apart: what is wrong with one partition's records keeps no other waiting.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError

from consumers.runtime.outcomes import Handler, InvalidRecord, Record
from consumers.runtime.records import (
    REQUEST_ID_HEADER,
    TRACE_HEADER,
    batches,
    ids_in_headers,
    legible_tenant,
    receipt_of,
)
from consumers.runtime.retry import AbandonedError, Retrier
from service.clock import Clock
from service.errors import RefusedDocumentError
from service.ledger.model import Outcome, Receipt
from service.ops import metrics, tracing

REFUSED_REASON = "document refused by the store"
TOGETHER_SECONDS = 10.0
"""How long an attempt with several partitions' records may take; apart each takes as long as it does."""

log = structlog.get_logger(__name__)
T = TypeVar("T")

Handle = Callable[[Sequence[Record]], Awaitable[list[InvalidRecord]]]
Commit = Callable[[Mapping[int, int]], Awaitable[None]]
"""Commits the offset of each partition's next record."""
Publish = Callable[[Sequence[InvalidRecord]], Awaitable[None]]
CountDead = Callable[[Sequence[Receipt]], Awaitable[None]]
"""Counts records as dead-lettered, in the ledger, unless it has counted them before."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is handled at once: per batch, and how many batches."""

    batch_records: int
    batch_bytes: int
    batches_at_once: int


async def handle_halving(handle: Handle, count_dead: CountDead, records: Sequence[Record]) -> list[InvalidRecord]:
    """Handle all; where the store refuses a batch, halve it until the refused records are found. The rest is stored.

    A refused record is counted before the records behind it: the ledger would take it for counted afterwards.
    """
    try:
        return await handle(records)
    except RefusedDocumentError as error:
        if len(records) == 1:
            (record,) = records
            refused = InvalidRecord(
                record, str(error) or REFUSED_REASON, type(error).__name__, legible_tenant(record.value)
            )
            await count_dead([receipt_of(record, refused.tenant_id)])
            return [refused]
    middle = len(records) // 2
    first = await handle_halving(handle, count_dead, records[:middle])
    return first + await handle_halving(handle, count_dead, records[middle:])


class Work:
    """Handles records in order, batch after batch; commits each once its effect and its dead letters are durable.

    It ends early, and quietly, when it is given up, or when a partition has moved on to another owner; and at the first
    failure to handle records of several partitions together.
    """

    def __init__(
        self,
        handler: Handler,
        records: Sequence[Record],
        limits: Limits,
        slots: asyncio.Semaphore,
        count_dead: CountDead,
        publish: Publish,
        commit: Commit,
        clock: Clock,
    ) -> None:
        self._handler = handler
        self._records = records
        self._limits = limits
        self._slots = slots
        self._count_dead = count_dead
        self._publish = publish
        self._commit = commit
        self._clock = clock
        partitions = sorted({record.partition for record in records})
        self._together = len(partitions) > 1
        self._retry = Retrier(handler.name, records[0].topic, partitions)
        self._left: Sequence[Record] = ()

    @property
    def waiting(self) -> bool:
        """Whether it waits to try again."""
        return self._retry.waiting

    def stuck_seconds(self) -> float:
        """How long the present attempt has lasted; 0 between attempts."""
        return self._retry.attempt_seconds()

    @property
    def apart(self) -> dict[int, list[Record]]:
        """What is left, by partition, after several could not be handled together; nothing once given up."""
        left: dict[int, list[Record]] = {}
        for record in () if self._retry.given_up else self._left:
            left.setdefault(record.partition, []).append(record)
        return left

    def give_up(self) -> None:
        """Finish the batch in hand, if nothing goes wrong; begin no other."""
        self._retry.give_up()

    async def run(self) -> None:
        """Raises what is a fault outside one record."""
        done = 0
        for batch in batches(self._records, self._limits.batch_records, self._limits.batch_bytes):
            if self._retry.given_up:
                return
            try:
                await self._process(batch)
                done += len(batch)
            except _ApartError as apart:
                log.info("apart", source=self._handler.name, stage=apart.stage, error=apart.cause, **_describe(batch))
                self._left = self._records[done:]
                return
            except AbandonedError:
                log.info("batch_abandoned", **_describe(batch))
                return
            except _PartitionMovedError:
                # Its new owner repeats this batch, which changes nothing.
                log.info("commit_too_late", **_describe(batch))
                return

    async def _process(self, batch: list[Record]) -> None:
        started = time.monotonic()
        source = self._handler.name
        invalid = await handle_halving(self._handle, self._count, batch)
        if invalid:
            await self._attempt("dead_letter", lambda: self._publish(invalid))
        await self._retry("commit", lambda: self._commit_or_leave({one.partition: one.offset + 1 for one in batch}))
        seconds = time.monotonic() - started
        metrics.CONSUMER_BATCH_RECORDS.labels(source).observe(len(batch))
        metrics.CONSUMER_BATCH_SECONDS.labels(source).observe(seconds)
        self._measure_delay(batch)
        self._account(invalid)
        if tracing.is_on():
            _trace(batch, invalid, seconds)
        log.info("batch_done", source=source, invalid=len(invalid), ms=round(seconds * 1000, 1), **_describe(batch))

    async def _handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        return await self._attempt("handle", lambda: self._in_slot(records))

    async def _attempt(self, stage: str, step: Callable[[], Awaitable[T]]) -> T:
        """For ever, with one partition's records; with those of several once, and not for long: then they part."""
        if not self._together:
            return await self._retry(stage, step)
        self._retry.attempt_began()
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                return await step()
        except RefusedDocumentError:
            raise
        except Exception as error:
            # A fault, too: met again by its own partition alone, it ends the process when the others have committed.
            metrics.CONSUMER_RETRIES.labels(self._handler.name, stage, type(error).__name__).inc()
            raise _ApartError(stage, type(error).__name__) from error
        finally:
            self._retry.attempt_ended()

    async def _count(self, dead: Sequence[Receipt]) -> None:
        await self._retry("count", lambda: self._count_dead(dead))

    async def _in_slot(self, records: Sequence[Record]) -> list[InvalidRecord]:
        # Held for one attempt only, so that partitions that wait to try again do not stop the others.
        async with self._slots:
            self._retry.attempt_began()
            return await self._handler.handle(records)

    async def _commit_or_leave(self, offsets: Mapping[int, int]) -> None:
        try:
            await self._commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            raise _PartitionMovedError from error

    def _measure_delay(self, batch: Sequence[Record]) -> None:
        delay, now = metrics.CONSUMER_DELAY_SECONDS.labels(self._handler.name), self._clock()
        for record in batch:
            delay.observe(max((now - record.timestamp).total_seconds(), 0.0))

    def _account(self, invalid: Sequence[InvalidRecord]) -> None:
        source = self._handler.name
        if invalid:
            metrics.CONSUMER_RECORDS.labels(source, Outcome.DEAD_LETTERED).inc(len(invalid))
        for letter in invalid:
            metrics.CONSUMER_DEAD_LETTERS.labels(source, letter.error_class).inc()
            log.warning(
                "dead_letter",
                source=source,
                reason=letter.reason,
                error=letter.error_class,
                topic=letter.record.topic,
                partition=letter.record.partition,
                offset=letter.record.offset,
            )


class _PartitionMovedError(Exception):
    """Another member of the group has a partition, or will have it."""


class _ApartError(Exception):
    """Records of several partitions could not be handled together: at which stage, and the class of what was raised."""

    def __init__(self, stage: str, cause: str) -> None:
        super().__init__(stage)
        self.stage = stage
        self.cause = cause


def _trace(batch: Sequence[Record], invalid: Sequence[InvalidRecord], seconds: float) -> None:
    """A batch is handled as one, so each of its records took as long."""
    aside = {(letter.record.partition, letter.record.offset) for letter in invalid}
    for record in batch:
        if parents := ids_in_headers([record], TRACE_HEADER):
            where = (record.topic, record.partition, record.offset)
            tracing.handled(parents[0], where, seconds, failed=where[1:] in aside)


def _describe(batch: Sequence[Record]) -> dict[str, object]:
    offsets: dict[int, tuple[int, int]] = {}
    for record in batch:
        first, _ = offsets.get(record.partition, (record.offset, record.offset))
        offsets[record.partition] = (first, record.offset)
    described: dict[str, object] = {
        "topic": batch[0].topic,
        "offsets": {str(partition): f"{first}-{last}" for partition, (first, last) in offsets.items()},
        "records": len(batch),
    }
    for name, header in (("request_ids", REQUEST_ID_HEADER), ("traceparents", TRACE_HEADER)):
        if ids := ids_in_headers(batch, header):
            described[name] = ids
    return described
