"""What comes in by HTTP and goes on to Kafka."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """One record for a source's topic (named without the prefix), as that source's own producers would send it."""

    topic: str
    key: bytes | None
    value: bytes
    request_id: str | None = None
    traceparent: str | None = None
