"""Kafka's records as ours: conversion, batches, and the trace ids that reach the logs."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from consumers.runtime.outcomes import Record
from schemas.tenants import TenantId
from schemas.timestamps import EPOCH, read_instant
from service.ledger.model import Receipt
from service.ops import tracing

REQUEST_ID_HEADER = "x-request-id"
TRACE_HEADER = tracing.TRACEPARENT
REDRIVEN_FROM_HEADER = "dlq-redriven-from"
"""The position of the dead letter that a record was, if it was one."""
FIRST_RECEIVED_HEADER = "dlq-first-received"
"""When Kafka had a redriven record first: an event without a time of its own happened then."""
MAX_LOGGED_IDS = 10

_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)
_LATEST_MS = 253_370_764_800_000  # the year 9999, with room for a tolerance to be added
# Headers come from anybody: only what has the shape of an id may reach a log line.
_WELL_FORMED = {
    REQUEST_ID_HEADER: re.compile(rb"[A-Za-z0-9._\-]{1,128}"),
    TRACE_HEADER: re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"),
}


def to_record(raw: Any) -> Record:
    """An aiokafka ConsumerRecord as a Record. Never raises: an absurd timestamp is moved into range."""
    timestamp = arrival_of(raw)
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        value=raw.value,
        timestamp=_first_received(raw.headers, timestamp) if raw.headers else timestamp,
        headers=tuple(raw.headers),
    )


def arrival_of(raw: Any) -> datetime:
    """When an aiokafka ConsumerRecord came to its topic, by Kafka's word."""
    return EPOCH + timedelta(milliseconds=min(max(raw.timestamp, 0), _LATEST_MS))


def _first_received(headers: Iterable[tuple[str, bytes | None]], timestamp: datetime) -> datetime:
    """Of a redriven record; it can only be earlier than the broker's time, so nobody can claim the future with it."""
    for name, value in headers:
        if name == FIRST_RECEIVED_HEADER:
            with contextlib.suppress(ValueError):
                return min(timestamp, read_instant((value or b"").decode()))
    return timestamp


def receipt_of(record: Record, tenant_id: str | None) -> Receipt:
    """What the ledger counts the record by."""
    return Receipt(record.topic, record.partition, record.offset, tenant_id)


def legible_tenant(value: bytes | None) -> str | None:
    """The tenant that a record names, as those of all sources do, whatever else is wrong with it; else None."""
    try:
        return tenant_in(orjson.loads(value or b""))
    except orjson.JSONDecodeError:
        return None


def tenant_in(document: Any) -> str | None:
    """The same of a value that is decoded."""
    try:
        return _TENANT.validate_python(document.get("tenant_id")) if isinstance(document, dict) else None
    except ValidationError:
        return None


def batches(records: Iterable[Record], max_records: int, max_bytes: int) -> Iterator[list[Record]]:
    """Cut into batches, in order, of at most `max_records` and, unless a single record is larger, `max_bytes`."""
    batch: list[Record] = []
    size = 0
    for record in records:
        weight = len(record.value or b"") + len(record.key or b"")
        if batch and (len(batch) >= max_records or size + weight > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += weight
    if batch:
        yield batch


def ids_in_headers(records: Sequence[Record], header: str) -> list[str]:
    """The distinct well-formed values of a header, at most MAX_LOGGED_IDS, in order."""
    well_formed = _WELL_FORMED[header]
    found: dict[str, None] = {}
    for record in records:
        for name, value in record.headers:
            if name == header and value and well_formed.fullmatch(value):
                found[value.decode()] = None
                if len(found) == MAX_LOGGED_IDS:
                    return list(found)
    return list(found)
