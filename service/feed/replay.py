"""Publish again what was published before: the same ids, in the same order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.changes import REPLAY_HEADER
from schemas.timestamps import iso_millis
from service.chunks import chunks
from service.errors import FeedRequestError
from service.feed.ports import FeedHistory, ReplayPublisher
from service.outbox.model import OutboxRecord

MAX_RECORDS = 100_000
"""Of one replay: it is one transaction, and subscribers of the topic wait for its end."""
_BATCH = 500


class ReplayStoppedError(Exception):
    """The replay was asked to end, and published nothing."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A tenant's events committed in [start, end), for `topic` (its full name). Without an `end` up to the last one:
    the clock of who asks need not be that of who committed."""

    tenant_id: str
    start: datetime
    end: datetime | None
    topic: str


class FeedReplayer:
    """The use-case behind `pathbound feed replay`. `feed` is the full name of the topic that the relay publishes to."""

    def __init__(self, history: FeedHistory, publisher: ReplayPublisher, feed: str) -> None:
        self._history = history
        self._publisher = publisher
        self._feed = feed

    async def __call__(self, wanted: ReplayRequest, stop: asyncio.Event | None = None) -> int:
        """How many events were published again: all that are asked for, or none.

        Into the feed itself they carry the header `replay`. Raises ReplayStoppedError once `stop` is set,
        FeedRequestError with a sentence that says what to do, and what its ports raise.
        """
        if wanted.end is not None and wanted.end <= wanted.start:
            raise FeedRequestError(
                f"The range ends ({iso_millis(wanted.end)}) before it begins ({iso_millis(wanted.start)}): "
                "give a --to that is later than --from."
            )
        now = await self._history.now()
        oldest = now - await self._history.retention()
        if wanted.start < oldest:
            raise FeedRequestError(
                f"Events from before {iso_millis(oldest)} are no longer kept for replay: give a later --from."
            )
        await self._publisher.check(wanted.topic, self._feed)
        found = await self._history.published_ids(
            wanted.tenant_id, wanted.start, wanted.end, now, limit=MAX_RECORDS + 1
        )
        if len(found) > MAX_RECORDS:
            raise FeedRequestError(
                f"There are more than {MAX_RECORDS} events in this range, the most for one replay: "
                f"give --to {iso_millis(found[-1][1])}, and then replay from there."
            )
        if not found:
            return 0
        mark = (REPLAY_HEADER, iso_millis(now)) if wanted.topic == self._feed else None
        return await self._publisher.publish(
            wanted.topic, self._batches(wanted, [record_id for record_id, _ in found], mark, stop or asyncio.Event())
        )

    async def _batches(
        self, wanted: ReplayRequest, record_ids: Sequence[str], mark: tuple[str, str] | None, stop: asyncio.Event
    ) -> AsyncIterator[Sequence[OutboxRecord]]:
        for chunk in chunks(record_ids, _BATCH):
            if stop.is_set():
                raise ReplayStoppedError
            records = await self._history.records(wanted.tenant_id, chunk)
            if len(records) < len(chunk):
                raise FeedRequestError("Some of these events have just expired: give a later --from.")
            yield [_marked(record, mark) for record in records]


def _marked(record: OutboxRecord, mark: tuple[str, str] | None) -> OutboxRecord:
    return replace(record, headers=(*record.headers, mark)) if mark else record
