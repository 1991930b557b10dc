"""The two content modes of CloudEvents on Kafka."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.change_examples import CHANGES, cloud_event
from schemas.changes import CONTENT_TYPE, ChangeType
from service.kafka.cloudevents import binary, read_event, structured
from service.outbox.model import OutboxRecord
from tests.support.hypothesis_settings import unhurried
from tests.support.relay import record_of

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def record(event: dict[str, Any]) -> OutboxRecord:
    headers = (("content-type", CONTENT_TYPE), ("traceparent", event["traceparent"]), ("x-request-id", "req_1"))
    return replace(record_of("ct_1", 1, "contacts.changes", orjson.dumps(event)), headers=headers)


def test_in_binary_mode_the_attributes_are_headers_and_the_data_is_the_value() -> None:
    event = cloud_event("contact.deleted", CHANGES[ChangeType.CONTACT_DELETED], 7)
    headers, value = binary(record(event))
    assert orjson.loads(value) == event["data"]
    assert dict(headers) == {
        "content-type": "application/json",
        "traceparent": event["traceparent"],
        "x-request-id": "req_1",
        **{f"ce_{name}": str(event[name]) for name in event.keys() - {"data", "datacontenttype"}},
    }
    assert dict(headers)["ce_sequence"] == "7"


@unhurried
@given(st.dictionaries(st.text(), VALUES), st.sampled_from(ChangeType), st.integers(1, 2**31))
def test_both_modes_say_the_same(data: dict[str, Any], kind: ChangeType, sequence: int) -> None:
    event = cloud_event(kind, data, sequence)
    for encode in (structured, binary):
        headers, value = encode(record(event))
        assert read_event([(name, text.encode()) for name, text in headers], value) == event


def test_what_is_no_event_is_published_as_it_is() -> None:
    other = record_of("ct_1", 1, "topic", b"anything")
    assert binary(other) == structured(other) == (other.headers, b"anything")


@pytest.mark.parametrize("name", ["content-type", "ce_id", "ce_sequence", "other"])
def test_a_header_without_a_value_is_an_empty_one(name: str) -> None:
    """Kafka has such headers; of a record that somebody else wrote it must be said that it is no event."""
    given: list[tuple[str, bytes | None]] = [(name, None)]
    assert read_event(given, b"{}") in ({}, {"id": "", "datacontenttype": "", "data": {}})
    with pytest.raises(ValueError, match="line 1"):
        read_event(given, b"{unexpected")
