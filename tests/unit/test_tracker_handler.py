"""The tracker's handler: one ingest a batch, the invalid ones given back, everything counted once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from consumers.runtime.outcomes import Record
from consumers.tracker.handler import TrackerHandler
from service.errors import StoreUnavailableError
from service.ledger.model import Receipt
from service.timeline.model import IngestResult, TimelineEvent

RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
GOOD = b'{"tenant_id":"acme","event":"x","message_id":"m%d","visitorId":"undefined"}'


class FakeIngest:
    """Takes everything, or is away."""

    def __init__(self, away: bool = False) -> None:
        self.batches: list[list[TimelineEvent]] = []
        self.receipts: list[Receipt] = []
        self.dead: list[Receipt] = []
        self._away = away

    async def __call__(
        self, events: Sequence[TimelineEvent], receipts: Sequence[Receipt], dead: Sequence[Receipt]
    ) -> IngestResult:
        if self._away:
            raise StoreUnavailableError
        self.batches.append(list(events))
        self.receipts += receipts
        self.dead += dead
        return IngestResult(stored=len(events) - 2, parked=1, duplicates=1, linked=2) if events else IngestResult()


def record(offset: int, value: bytes) -> Record:
    return Record("p.tracker.events", 0, offset, None, value, RECEIVED)


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"source": "tracker"} | labels) or 0.0


def counts() -> list[float]:
    return [
        count("pathbound_consumer_records_total", outcome="stored"),
        count("pathbound_consumer_records_total", outcome="parked"),
        count("pathbound_consumer_records_total", outcome="duplicate"),
        count("pathbound_consumer_linked_events_total"),
        count("pathbound_consumer_refused_identities_total"),
    ]


async def test_the_good_are_ingested_at_once_and_the_bad_given_back() -> None:
    ingest = FakeIngest()
    before = counts()
    foreign = b'{"tenant_id":"acme","nobody_knows":1}'
    records = [record(0, GOOD % 0), record(1, b"poison"), record(2, GOOD % 2), record(3, b""), record(4, foreign)]
    records.append(record(5, GOOD % 5))

    invalid = await TrackerHandler(ingest, timedelta(hours=1)).handle(records)

    assert [(letter.record.offset, letter.reason, letter.error_class) for letter in invalid] == [
        (1, "not valid JSON", "InvalidRecordError"),
        (3, "empty value", "InvalidRecordError"),
        (4, "event: missing", "InvalidRecordError"),
    ]
    assert [len(batch) for batch in ingest.batches] == [3]
    topic = records[0].topic
    assert ingest.receipts == [Receipt(topic, 0, offset, "acme") for offset in (0, 2, 5)]
    assert ingest.dead == [Receipt(topic, 0, 1, None), Receipt(topic, 0, 3, None), Receipt(topic, 0, 4, "acme")]
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1, 2, 3]


async def test_a_batch_of_poison_is_counted_too() -> None:
    ingest = FakeIngest()
    assert len(await TrackerHandler(ingest, timedelta(0)).handle([record(0, b"{")])) == 1
    assert (ingest.batches, len(ingest.dead)) == ([[]], 1)


async def test_an_outage_is_passed_on_and_counts_nothing() -> None:
    before = counts()
    with pytest.raises(StoreUnavailableError):
        await TrackerHandler(FakeIngest(away=True), timedelta(0)).handle([record(0, GOOD % 0)])
    assert counts() == before
