"""What of the tracker's records is refused, and why, in words that repeat nothing of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.tracker.normalise import normalise
from service.timeline.model import TimelineEvent

RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ADDRESS = "ada@example.com"


def normalised(value: bytes | None) -> TimelineEvent:
    return normalise(Record("tracker.events", 0, 0, b"v-1", value, RECEIVED), timedelta(hours=1))


def refusal(value: bytes | None) -> str:
    with pytest.raises(InvalidRecordError) as caught:
        normalised(value)
    return caught.value.reason


def deep(levels: int) -> bytes:
    return b'{"tenant_id":"acme","event":"x","data":{"a":' + b"[" * levels + b"]" * levels + b"}}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"\xff\xfe", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"[1]", "value: model_type"),
        (b'{"tenant_id":"acme","event":"\\ud800"}', "not valid JSON"),
        (b'{"tenant_id":"acme","event":"\xed\xa0\x80"}', "not valid JSON"),
        (b'{"tenant_id":"acme","event":"x","data":{"a":NaN}}', "data must be a finite number"),
        (b'{"tenant_id":"acme","event":"x","data":{"a":-Infinity}}', "data must be a finite number"),
        (
            b'{"tenant_id":"acme","event":"x","data":{"a":9223372036854775808}}',
            "data must be an integer within 64 bits",
        ),
        (
            b'{"tenant_id":"acme","event":"x","data":{"a\\u0000":1}}',
            "data must not have a key that contains a NUL character",
        ),
        (b'{"event":"x"}', "tenant_id: missing"),
        (b'{"tenant_id":"a b","event":"x"}', "tenant_id: string_pattern_mismatch"),
        (b'{"tenant_id":"acme","event":""}', "event: string_too_short"),
        (b'{"tenant_id":"acme","event":7}', "event: string_type"),
        (b'{"tenant_id":"acme","event":"x","message_id":7}', "message_id: string_type"),
        (b'{"tenant_id":"acme","event":"x","visitorId":true}', "visitorId: string_type"),
        (b'{"tenant_id":"acme","event":"x","data":[]}', "data: dict_type"),
        (b'{"tenant_id":"acme","event":"x","visitor_id":"v"}', "visitor_id: extra_forbidden"),
        (b'{"tenant_id":"acme","event":"x","timestamp":"tomorrow"}', "timestamp: datetime_from_date_parsing"),
        (b'{"tenant_id":"acme","event":"x","timestamp":1e300}', "timestamp: instant"),
        (b'{"tenant_id":"acme","event":"x","timestamp":NaN}', "timestamp: instant"),
        (
            b'{"tenant_id":"acme","event":"x","timestamp":"0001-01-01T00:00:00+14:00"}',
            "timestamp: must lie in the years 1 to 9999",
        ),
        (
            b'{"tenant_id":"acme","event":"x","timestamp":"9999-12-31T23:59:59-14:00"}',
            "timestamp: must lie in the years 1 to 9999",
        ),
        (deep(50), "data is nested too deeply"),
        (deep(100_000), "not valid JSON"),
    ],
)
def test_what_is_refused_and_why(value: bytes | None, reason: str) -> None:
    assert refusal(value) == reason


def test_the_deepest_data_that_is_taken() -> None:
    assert normalised(deep(49)).event == "x"


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"tenant_id": "acme", "event": "x", ADDRESS: 1}),
        json.dumps({"tenant_id": "acme", "event": "x", "evil\n\x1b[31m" * 50: 1}),
        json.dumps({"tenant_id": ADDRESS, "event": "x"}),
        json.dumps({"tenant_id": "acme", "event": "x", "data": {ADDRESS: {"b": 2**80}}}),
        json.dumps({"tenant_id": "acme", "event": "x", "timestamp": ADDRESS}),
        f'{{"{ADDRESS}": ',
    ],
)
def test_a_reason_repeats_nothing_of_the_record(value: str) -> None:
    reason = refusal(value.encode())
    assert ADDRESS not in reason
    assert reason.isprintable()
    assert len(reason) < 120
