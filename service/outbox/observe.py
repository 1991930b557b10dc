"""What the relay says of its work: one log line a batch, and the metrics."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog

from service.ops import tracing
from service.ops.metrics import (
    RELAY_BACKLOG,
    RELAY_BATCH_RECORDS,
    RELAY_DELAY_SECONDS,
    RELAY_LEASE,
    RELAY_OLDEST_SECONDS,
    RELAY_PUBLISHED,
    RELAY_TIMELINE_BACKLOG,
    RELAY_TIMELINE_OLDEST_SECONDS,
    RELAY_TIMELINE_PUBLISHED,
)
from service.outbox.model import SHARDS, OutboxRecord

_REQUEST_ID = "x-request-id"
_REQUEST_IDS_LOGGED = 10

_log = structlog.get_logger(__name__)


def published(shard: int, records: Sequence[OutboxRecord], seconds: float, at: datetime) -> None:
    """Kafka has a batch, which took `seconds`, since `at`."""
    RELAY_PUBLISHED.labels(shard).inc(len(records))
    RELAY_BATCH_RECORDS.observe(len(records))
    for record in records:
        delay = max((at - record.committed_at).total_seconds(), 0.0)
        RELAY_DELAY_SECONDS.observe(delay)
        if tracing.is_on():
            tracing.sent(dict(record.headers).get(tracing.TRACEPARENT), record.topic, seconds, delay)
    _log.info(
        "relay_published",
        shard=shard,
        count=len(records),
        ms=round(seconds * 1000, 1),
        request_ids=_request_ids(records),
    )


def published_timeline(shard: int, records: Sequence[OutboxRecord], seconds: float, _at: datetime) -> None:
    """The same of a batch for `contacts.timeline`."""
    RELAY_TIMELINE_PUBLISHED.labels(shard).inc(len(records))
    _log.info("relay_published_timeline", shard=shard, count=len(records), ms=round(seconds * 1000, 1))


def backlog(
    waiting: Mapping[int, tuple[int, datetime]], held: Collection[int], at: datetime, *, timeline: bool = False
) -> None:
    """What waits (for `contacts.timeline`, or of the changes), as of `at`: of the shards held, so that the sum over all
    relays is right."""
    records = RELAY_TIMELINE_BACKLOG if timeline else RELAY_BACKLOG
    age = RELAY_TIMELINE_OLDEST_SECONDS if timeline else RELAY_OLDEST_SECONDS
    for shard in range(SHARDS):
        if shard not in held:
            for gauge in (records, age):
                gauge.remove_by_labels({"shard": str(shard)})
            continue
        count, oldest = waiting.get(shard, (0, at))
        records.labels(shard).set(count)
        age.labels(shard).set(max((at - oldest).total_seconds(), 0.0))


def lease(shard: int, *, held: bool) -> None:
    """A lease came or went."""
    RELAY_LEASE.labels(shard).set(int(held))
    _log.info("relay_lease", shard=shard, held=held)


def _request_ids(records: Sequence[OutboxRecord]) -> list[str]:
    found = dict.fromkeys(value for record in records for name, value in record.headers if name == _REQUEST_ID)
    return list(found)[:_REQUEST_IDS_LOGGED]
