"""Traces: what was done for one request or message, here and in the processes that it leads to.

Off until `use` is called with a tracer (`service.ops.otel` has the one of OpenTelemetry): nothing is made then, and no
library is loaded. What belongs together is told by the trace context (`traceparent`, W3C) that requests, outbox
records and Kafka's headers carry. No attribute holds a body, an address or a key.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal, Protocol

TRACEPARENT: Final = "traceparent"
"""The header's name, in HTTP and in Kafka."""
WELL_FORMED: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Attributes = Mapping[str, str | int]
Kind = Literal["producer", "consumer"]


class RequestSpan(Protocol):
    """A request that is being answered."""

    @property
    def traceparent(self) -> str:
        """The context of what is done for it."""
        ...

    def end(self, attributes: Attributes, *, failed: bool) -> None:
        """It is answered."""
        ...


class Tracer(Protocol):
    """Makes spans and sends them somewhere, without holding anybody up."""

    def begin(self, name: str, parent: str | None, attributes: Attributes) -> RequestSpan:
        """A request comes in, by itself or (`parent`) as a part of somebody's trace."""
        ...

    def tell(self, kind: Kind, name: str, parent: str, seconds: float, attributes: Attributes, *, failed: bool) -> None:
        """Something was done for a message of the trace `parent`, in the `seconds` before now."""
        ...


_tracer: Tracer | None = None


def is_on() -> bool:
    """Whether it is of any use to tell something."""
    return _tracer is not None


def use(tracer: Tracer | None) -> None:
    """From now on, in the whole process."""
    global _tracer
    _tracer = tracer


def begin_request(method: str, route: str, parent: str | None) -> RequestSpan | None:
    """None if nothing is traced. `route` is the pattern, never the path."""
    if _tracer is None:
        return None
    return _tracer.begin(f"{method} {route}", parent, {"http.request.method": method, "http.route": route})


def end_request(span: RequestSpan, status: int, request_id: str) -> None:
    """`status` is the answer's, or 499 for a client that did not wait for it."""
    attributes: dict[str, str | int] = {"http.response.status_code": status, "pathbound.request_id": request_id}
    failed = status >= 500
    span.end(attributes | ({"error.type": str(status)} if failed else {}), failed=failed)


def sent(parent: str | None, topic: str, seconds: float, waited: float) -> None:
    """A message that waited in the outbox is on its topic."""
    if _tracer is not None and parent is not None and _is_kept(parent):
        attributes = {**_of_message("send", topic), "pathbound.outbox_wait_ms": round(waited * 1000)}
        _tracer.tell("producer", f"send {topic}", parent, seconds, attributes, failed=False)


def handled(parent: str | None, where: tuple[str, int, int], seconds: float, *, failed: bool) -> None:
    """The message at `where` (topic, partition, offset) is stored, or (`failed`) put aside."""
    if _tracer is not None and parent is not None and _is_kept(parent):
        topic, partition, offset = where
        attributes = {
            **_of_message("process", topic),
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": offset,
            **({"error.type": "dead_lettered"} if failed else {}),
        }
        _tracer.tell("consumer", f"process {topic}", parent, seconds, attributes, failed=failed)


def _is_kept(traceparent: str) -> bool:
    """Whether it is one, and whoever began the trace keeps it. Those of messages come from anybody."""
    return WELL_FORMED.fullmatch(traceparent) is not None and int(traceparent[-2:], 16) & 1 == 1


def _of_message(operation: str, topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
    }
