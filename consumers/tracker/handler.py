"""The tracker's door into the core: normalise each record, ingest the good ones as one batch."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from consumers.runtime.outcomes import InvalidRecord, InvalidRecordError, Record
from consumers.tracker.normalise import EXTERNAL_REFUSED, VISITOR_REFUSED, normalise
from schemas.topics import TRACKER_EVENTS
from service.ops import metrics
from service.timeline.model import IngestResult, TimelineEvent


class Ingest(Protocol):
    """The use-case that stores events, each once, and links them."""

    async def __call__(self, events: Sequence[TimelineEvent]) -> IngestResult: ...


class TrackerHandler:
    """Handles `tracker.events`. `tolerance` is how far in the future an event's own clock is believed."""

    topic = TRACKER_EVENTS
    name = "tracker"

    def __init__(self, ingest: Ingest, tolerance: timedelta) -> None:
        self._ingest = ingest
        self._tolerance = tolerance

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        """Store and link; the invalid ones. Raises what `ingest` raises."""
        events: list[TimelineEvent] = []
        invalid: list[InvalidRecord] = []
        for record in records:
            try:
                events.append(normalise(record, self._tolerance))
            except InvalidRecordError as error:
                invalid.append(InvalidRecord(record, error.reason, type(error).__name__))
        if events:
            self._count(events, await self._ingest(events))
        return invalid

    def _count(self, events: Sequence[TimelineEvent], result: IngestResult) -> None:
        metrics.CONSUMER_RECORDS.labels(self.name, "stored").inc(result.stored)
        metrics.CONSUMER_RECORDS.labels(self.name, "duplicate").inc(result.duplicates)
        metrics.CONSUMER_LINKED.labels(self.name).inc(result.linked)
        refused = sum((VISITOR_REFUSED in event.context) + (EXTERNAL_REFUSED in event.context) for event in events)
        metrics.CONSUMER_REFUSED_IDENTITIES.labels(self.name).inc(refused)
