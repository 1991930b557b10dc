"""Whatever the door takes, the consumer stores; and a browser that sends again sends the same."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consumers.runtime.outcomes import Record
from consumers.tracker.normalise import normalise
from schemas.tracker import MAX_TRACKED_BYTES, BrowserEvent, TrackBody
from service.contacts.context import Caller
from service.intake.model import InboundRecord
from service.intake.track import TrackIntake
from tests.support.hypothesis_settings import unhurried

CALLER = Caller("acme", "key_1", "req_1")
RECEIVED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Topic:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.records: list[InboundRecord] = []

    async def publish(self, records: Sequence[InboundRecord]) -> None:
        self.records += records


async def published(events: list[dict[str, Any]], user_agent: str | None = None) -> list[InboundRecord]:
    topic = Topic()
    body = TrackBody.model_validate({"events": events})
    assert await TrackIntake(topic)(CALLER, body.events, user_agent) == len(events)
    return topic.records


numbers = st.integers(-(2**70), 2**70) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.fixed_dictionaries(
    {"event": st.text(min_size=1, max_size=20)},
    optional={
        "data": st.dictionaries(st.text(max_size=5), values, max_size=3) | values,
        "timestamp": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | values,
        "visitorId": st.text(max_size=10) | numbers,
        "external_contact_id": st.text(max_size=10) | numbers,
        "url": st.text(max_size=20),
        "referrer": st.text(max_size=20),
        "userAgent": st.text(max_size=20) | st.none(),
        "message_id": st.text(max_size=5),
        "surprise": st.none(),
    },
)


@unhurried
@given(fields)
async def test_what_the_door_takes_the_consumer_stores(sent: dict[str, Any]) -> None:
    try:
        BrowserEvent.model_validate(sent)
    except ValidationError:
        return
    [record] = await published([sent])

    event = normalise(Record(record.topic, 0, 0, record.key, record.value, RECEIVED), timedelta(hours=1))

    assert (event.tenant_id, event.event) == ("acme", sent["event"])
    assert event.data == (sent.get("data") or {})
    assert [record] == await published([sent]), "sent again, it is the same event"


@pytest.mark.parametrize("filler", ["x", "é", "\n"])
def test_an_event_has_so_many_bytes_and_no_more(filler: str) -> None:
    empty = len(json.dumps({"event": "x", "data": {"a": ""}}, separators=(",", ":")))
    written = {"\n": 2}.get(filler, len(filler.encode()))
    fits = (MAX_TRACKED_BYTES - empty) // written
    BrowserEvent.model_validate({"event": "x", "data": {"a": filler * fits}})
    with pytest.raises(ValidationError, match="at most 65536 bytes"):
        BrowserEvent.model_validate({"event": "x", "data": {"a": filler * (fits + 1)}})


async def test_the_record_is_the_envelope_with_whose_it_is() -> None:
    visit = {"event": "page_view", "visitorId": 42, "timestamp": "2026-11-23T10:00:00.1239+01:00", "data": {"a": None}}
    [record, other] = await published([visit, {"event": "x", "userAgent": "Own/1.0"}], "Header/1.0")

    assert (record.topic, record.key, record.request_id) == ("tracker.events", b"42", "req_1")
    assert json.loads(record.value) == {
        "tenant_id": "acme",
        "event": "page_view",
        "visitorId": "42",
        "timestamp": "2026-11-23T09:00:00.123000Z",
        "data": {"a": None},
        "userAgent": "Header/1.0",
    }
    assert other.key is None
    assert json.loads(other.value)["userAgent"] == "Own/1.0"


async def test_a_key_has_the_length_of_an_id_and_the_record_has_all_of_it() -> None:
    [short, long] = await published([{"event": "x", "visitorId": "é" * length} for length in (256, 30_000)])
    assert short.key == long.key == ("é" * 256).encode()
    assert json.loads(long.value)["visitorId"] == "é" * 30_000


@pytest.mark.parametrize(
    ("second", "place"),
    [
        ({"event": ""}, ("events", 1, "event")),
        ({"event": "x", "tenant_id": "other"}, ("events", 1, "tenant_id")),
        ({"event": "x", "data": {"a": 2**63}}, ("events", 1, "data")),
        ({"event": "x", "data": {"a\0": 1}}, ("events", 1, "data")),
        ({"event": "x", "data": {"a": "\ud800"}}, ("events", 1, "data")),
        ({"event": "x", "url": "\ud800"}, ("events", 1, "url")),
        ({"event": "x", "timestamp": "0001-01-01T00:00:00+14:00"}, ("events", 1, "timestamp")),
        ({"event": "x", "visitorId": True}, ("events", 1, "visitorId")),
    ],
)
def test_one_bad_event_refuses_all_and_is_named(second: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        TrackBody.model_validate({"events": [{"event": "x"}, second]})
    assert [error["loc"] for error in caught.value.errors(include_url=False, include_input=False)] == [place]


@pytest.mark.parametrize("count", [0, 11])
def test_one_to_ten_events_are_taken(count: int) -> None:
    with pytest.raises(ValidationError):
        TrackBody.model_validate({"events": [{"event": "x"}] * count})
    assert len(TrackBody.model_validate({"events": [{"event": "x"}] * 10}).events) == 10
