"""The door of sources that bring conversations: normalise each record, ingest the good ones as one batch."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Protocol

from consumers.runtime.outcomes import InvalidRecord, InvalidRecordError, Record
from consumers.runtime.records import receipt_of
from service.conversations.incoming import Delivery
from service.conversations.write import MAX_ROWS
from service.ledger.model import Outcome, Receipt
from service.ops import metrics

Normalise = Callable[[Record, timedelta], Delivery]
"""Pure; raises InvalidRecordError only. The duration is how far in the future a source's own clock is believed."""

MAX_WRITES = 3_000
"""Of one transaction, in messages and rows: a thousand mails that name two people. MongoDB ends a transaction after
a few seconds, and one that is too long is so at every try. A single record may have MAX_ROWS."""


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
        """Store and link, in as many transactions as it takes; the invalid ones. Raises what `ingest` raises."""
        invalid: list[InvalidRecord] = []
        for share in self._shares(records):
            deliveries = [one for one in share if isinstance(one, Delivery)]
            refused = [one for one in share if isinstance(one, InvalidRecord)]
            dead = [receipt_of(one.record, one.tenant_id) for one in refused]
            for outcome, count in Counter(await self._ingest(deliveries, dead)).items():
                metrics.CONSUMER_RECORDS.labels(self.name, outcome.value).inc(count)
            invalid += refused
        return invalid

    def _shares(self, records: Sequence[Record]) -> Iterator[list[Delivery | InvalidRecord]]:
        """What the records say, in order, cut where one transaction would have too much to write."""
        share: list[Delivery | InvalidRecord] = []
        total = 0
        for record in records:
            said, weight = self._said(record)
            if weight and share and total + weight > MAX_WRITES:
                yield share
                share, total = [], 0
            share.append(said)
            total += weight
        yield share

    def _said(self, record: Record) -> tuple[Delivery | InvalidRecord, int]:
        """What a record says, and its weight."""
        try:
            delivery = self._normalise(record, self._tolerance)
            weight = _weight(delivery)
            if weight > MAX_ROWS:
                raise InvalidRecordError("conversation: too many messages and people", delivery.receipt.tenant_id)
            return delivery, weight
        except InvalidRecordError as error:
            return InvalidRecord(record, error.reason, type(error).__name__, error.tenant_id), 0


def _weight(delivery: Delivery) -> int:
    """About how much is written: each message, and its row for each of its addresses, or of those who take part."""
    people = len(frozenset().union(*(thread.persons for thread in delivery.threads)))
    contents = [fact.content for fact in delivery.messages]
    return sum(1 + max(1, people, len(content.addresses) if content else 0) for content in contents)
