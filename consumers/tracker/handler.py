"""The tracker's door into the core: normalise each record, ingest the good ones as one batch."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from consumers.runtime.outcomes import InvalidRecord, InvalidRecordError, Record
from consumers.runtime.records import receipt_of
from consumers.tracker.normalise import EXTERNAL_REFUSED, VISITOR_REFUSED, normalise
from schemas.topics import TRACKER_EVENTS
from service.ledger.model import Outcome, Receipt
from service.ops import metrics
from service.timeline.model import IngestResult, TimelineEvent


class Ingest(Protocol):
    """The use-case that stores events, each once, links them, and counts what became of each record."""

    async def __call__(
        self, events: Sequence[TimelineEvent], receipts: Sequence[Receipt], dead: Sequence[Receipt]
    ) -> IngestResult: ...


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
        receipts: list[Receipt] = []
        invalid: list[InvalidRecord] = []
        for record in records:
            try:
                event = normalise(record, self._tolerance)
            except InvalidRecordError as error:
                invalid.append(InvalidRecord(record, error.reason, type(error).__name__, error.tenant_id))
            else:
                events.append(event)
                receipts.append(receipt_of(record, event.tenant_id))
        dead = [receipt_of(one.record, one.tenant_id) for one in invalid]
        self._count(events, await self._ingest(events, receipts, dead))
        return invalid

    def _count(self, events: Sequence[TimelineEvent], result: IngestResult) -> None:
        metrics.CONSUMER_RECORDS.labels(self.name, Outcome.STORED).inc(result.stored)
        metrics.CONSUMER_RECORDS.labels(self.name, Outcome.PARKED).inc(result.parked)
        metrics.CONSUMER_RECORDS.labels(self.name, Outcome.DUPLICATE).inc(result.duplicates)
        metrics.CONSUMER_RECORDS.labels(self.name, Outcome.ERASED).inc(result.erased)
        metrics.CONSUMER_LINKED.labels(self.name).inc(result.linked)
        refused = sum((VISITOR_REFUSED in event.context) + (EXTERNAL_REFUSED in event.context) for event in events)
        metrics.CONSUMER_REFUSED_IDENTITIES.labels(self.name).inc(refused)
