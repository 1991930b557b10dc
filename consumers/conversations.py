"""The door of sources that bring conversations: normalise each record, ingest the good ones as one batch."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Protocol

from consumers.runtime.outcomes import InvalidRecord, InvalidRecordError, Record
from consumers.runtime.records import receipt_of
from service.conversations.incoming import Delivery
from service.ledger.model import Outcome, Receipt
from service.ops import metrics

Normalise = Callable[[Record, timedelta], Delivery]
"""Pure; raises InvalidRecordError only. The duration is how far in the future a source's own clock is believed."""


class Ingest(Protocol):
    """The use-case that stores deliveries and puts them into timelines. `dead` are counted as dead-lettered."""

    async def __call__(self, deliveries: Sequence[Delivery], dead: Sequence[Receipt]) -> Sequence[Outcome]: ...


class ConversationHandler:
    """Handles one source's topic."""

    def __init__(self, name: str, topic: str, normalise: Normalise, ingest: Ingest, tolerance: timedelta) -> None:
        self.name = name
        self.topic = topic
        self._normalise = normalise
        self._ingest = ingest
        self._tolerance = tolerance

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        """Store and link; the invalid ones. Raises what `ingest` raises."""
        deliveries: list[Delivery] = []
        invalid: list[InvalidRecord] = []
        for record in records:
            try:
                deliveries.append(self._normalise(record, self._tolerance))
            except InvalidRecordError as error:
                invalid.append(InvalidRecord(record, error.reason, type(error).__name__, error.tenant_id))
        dead = [receipt_of(one.record, one.tenant_id) for one in invalid]
        for outcome, count in Counter(await self._ingest(deliveries, dead)).items():
            metrics.CONSUMER_RECORDS.labels(self.name, outcome.value).inc(count)
        return invalid
