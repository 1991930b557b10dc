"""CloudEvents 1.0 on Kafka: the two content modes of its Kafka protocol binding, and reading either."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import orjson

from schemas.changes import CONTENT_TYPE
from service.outbox.model import OutboxRecord

_TYPE = "content-type"
_PREFIX = "ce_"
_STRUCTURED = b"application/cloudevents"

Headers = Iterable[tuple[str, str]]
Encode = Callable[[OutboxRecord], tuple[Headers, bytes]]
"""The headers and the value that a record is published with."""


def encode_of(mode: Literal["structured", "binary"]) -> Encode:
    """By the setting `relay_content_mode`."""
    return binary if mode == "binary" else structured


def structured(record: OutboxRecord) -> tuple[Headers, bytes]:
    """The whole event is the value: as it is stored."""
    return record.headers, record.value


def binary(record: OutboxRecord) -> tuple[Headers, bytes]:
    """The attributes are headers `ce_…`, `data` alone is the value. A record that is no event stays as it is."""
    if (_TYPE, CONTENT_TYPE) not in record.headers:
        return record.headers, record.value
    event = orjson.loads(record.value)
    value = orjson.dumps(event.pop("data"))
    headers = [(_TYPE, event.pop("datacontenttype"))]
    headers += [header for header in record.headers if header[0] != _TYPE]
    headers += [(f"{_PREFIX}{name}", str(attribute)) for name, attribute in event.items()]
    return headers, value


def read_event(headers: Iterable[tuple[str, bytes | None]], value: bytes) -> dict[str, Any]:
    """The event in its structured form, whichever mode it came in. Raises ValueError where it is no event."""
    given = {name: text or b"" for name, text in headers}
    if given.get(_TYPE, b"").startswith(_STRUCTURED) or f"{_PREFIX}id" not in given:
        event = orjson.loads(value)
        if not isinstance(event, dict):
            raise ValueError("not an object")
        return event
    event = {name.removeprefix(_PREFIX): text.decode() for name, text in given.items() if name.startswith(_PREFIX)}
    event["datacontenttype"] = given.get(_TYPE, b"").decode()
    if "sequence" in event:
        event["sequence"] = int(event["sequence"])
    event["data"] = orjson.loads(value)
    return event
