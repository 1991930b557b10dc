"""The three outcomes of a record, as types (design, decision 6).

- Invalid: it can never be handled. A handler says so with InvalidRecordError or an InvalidRecord; it goes to the DLQ.
- Retryable: something that it needs is away. A handler raises one of RETRYABLE; its partition waits, tries again.
- Anything else that a handler raises is a fault outside one record: the process ends with nothing committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from aiokafka.errors import KafkaError

from service.errors import ContendedError, StoreUnavailableError, StreamUnavailableError

RETRYABLE: Final[tuple[type[Exception], ...]] = (
    StoreUnavailableError,
    ContendedError,
    StreamUnavailableError,
    KafkaError,
    ConnectionError,
    TimeoutError,
)


class Record(NamedTuple):
    """A Kafka record. `topic` is its real name, prefix included; `timestamp` is the broker's, in UTC, to the ms."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: datetime
    headers: tuple[tuple[str, bytes | None], ...] = ()


class InvalidRecordError(Exception):
    """A record that can never be handled. `reason` is short, stable, and repeats nothing of the record; `tenant_id` is
    told where the record says it legibly."""

    def __init__(self, reason: str, tenant_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.tenant_id = tenant_id


@dataclass(frozen=True, slots=True)
class InvalidRecord:
    """A record for the DLQ, and why."""

    record: Record
    reason: str
    error_class: str
    tenant_id: str | None = None


class Handler(Protocol):
    """What a source adds to the runtime."""

    @property
    def topic(self) -> str:
        """The topic that it reads, without the prefix."""
        ...

    @property
    def name(self) -> str:
        """The source's name: of the consumer group, in metrics and in logs."""
        ...

    async def handle(self, records: Sequence[Record]) -> list[InvalidRecord]:
        """Handle records, each partition's in order, so that their effect is durable on return; give the invalid ones.

        It is called again with the same records after any failure, so it must be idempotent. Raises one of RETRYABLE,
        or RefusedDocumentError where some record's document will never be taken (the runtime finds out which).
        """
        ...
