"""From bytes to a timeline event: what every record, however hostile, must hold to."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.tracker.normalise import normalise
from service.identity.model import Identity, IdentityKind
from service.timeline.model import TimelineEvent
from tests.support.hypothesis_settings import unhurried

RECEIVED = datetime(2026, 11, 23, 9, 30, 0, 123_000, tzinfo=UTC)
TOLERANCE = timedelta(hours=1)


def record(value: bytes | None, offset: int = 0, received: datetime = RECEIVED) -> Record:
    return Record("tracker.events", 0, offset, b"v-1", value, received)


def envelope(**fields: Any) -> bytes:
    return json.dumps({"tenant_id": "acme", "event": "page_view"} | fields).encode()


def event_of(**fields: Any) -> TimelineEvent:
    return normalise(record(envelope(**fields)), TOLERANCE)


texts = st.text(st.characters(codec="utf-8"), max_size=20)
keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
wild_values = (
    json_values | st.text() | st.integers() | st.floats() | st.dictionaries(st.text(), st.integers(), max_size=2)
)
wild_fields = st.dictionaries(
    st.sampled_from(
        "tenant_id event message_id data timestamp url domain visitorId sessionId external_contact_id ga_user_id "
        "userAgent referrer screenResolution surprise".split()
    ),
    wild_values,
)


@unhurried
@given(st.binary(max_size=300))
def test_any_bytes_give_an_event_or_a_reason(value: bytes) -> None:
    try:
        normalise(record(value), TOLERANCE)
    except InvalidRecordError as error:
        assert 0 < len(error.reason) < 120  # noqa: PT017 - either way out is right


@unhurried
@given(wild_fields, st.booleans())
def test_any_json_gives_an_event_or_a_reason(fields: dict[str, Any], complete: bool) -> None:
    whole = {"tenant_id": "acme", "event": "page_view"} | fields if complete else fields
    try:
        normalise(record(json.dumps(whole).encode("utf-8", "surrogatepass")), TOLERANCE)
    except InvalidRecordError as error:
        assert error.reason.isascii()  # noqa: PT017
        assert len(error.reason) < 120  # noqa: PT017


@unhurried
@given(st.dictionaries(keys, json_values, max_size=5))
def test_data_is_kept_exactly(data: dict[str, Any]) -> None:
    assert event_of(data=data).data == data


@unhurried
@given(st.dictionaries(keys, json_values, max_size=5), st.integers(1, 10**6))
def test_a_redelivery_gives_the_same_event(data: dict[str, Any], later_offset: int) -> None:
    value = envelope(data=data, visitorId="v-1")
    first, again = (normalise(record(value, offset), TOLERANCE) for offset in (0, later_offset))
    assert first == again


def test_key_order_does_not_matter_without_a_message_id() -> None:
    one = b'{"tenant_id":"acme","event":"x","data":{"a":1,"b":2}}'
    other = b'{"data":{"b":2,"a":1},  "event":"x","tenant_id":"acme"}'
    assert normalise(record(one), TOLERANCE).event_id == normalise(record(other), TOLERANCE).event_id


def test_different_content_is_a_different_event() -> None:
    assert event_of(data={"a": 1}).event_id != event_of(data={"a": 2}).event_id


@pytest.mark.parametrize("name", ["visitorId", "sessionId", "external_contact_id", "ga_user_id"])
@pytest.mark.parametrize("number", [2**64 - 1, 2**64 + 1, 10**30, -(2**63) - 1])
def test_neighbouring_numbers_are_different_ids(name: str, number: int) -> None:
    assert event_of(**{name: number}).event_id != event_of(**{name: number + 1}).event_id


def test_a_message_id_decides_alone() -> None:
    assert event_of(message_id="m1", data={"a": 1}).event_id == event_of(message_id="m1", data={"a": 2}).event_id
    assert event_of(message_id="m1").event_id != event_of(message_id="m2").event_id


@unhurried
@given(st.text(min_size=1, max_size=50), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,10}", fullmatch=True))
def test_tenants_never_collide(message_id: str, tenant: str) -> None:
    ours = event_of(message_id=message_id).event_id
    theirs = event_of(message_id=message_id, tenant_id=tenant).event_id
    assert (ours == theirs) == (tenant == "acme")


def test_a_message_id_that_spells_some_content_is_not_that_content() -> None:
    content = b'{"event":"page_view","tenant_id":"acme"}'
    named = event_of(message_id=content.decode())
    assert named.event_id != normalise(record(content), TOLERANCE).event_id


def test_event_ids_are_stable_across_releases() -> None:
    """Stored events would be stored again if these changed."""
    assert event_of(message_id="m1").event_id == "evt_c53f9f21306680e779a0e07ce7ef2f7a"
    assert event_of(data={"b": 1, "a": [None, 2.5]}).event_id == "evt_7178cb070f748da46a7d85cee95a5e80"


@unhurried
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_the_future_is_clamped_and_the_past_believed(sent: datetime) -> None:
    told = event_of(timestamp=sent.isoformat()).timestamp
    assert told <= RECEIVED + TOLERANCE
    assert told.microsecond % 1000 == 0
    if sent <= RECEIVED + TOLERANCE:
        assert timedelta(0) <= sent - told < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("2026-11-23T10:30:00.123Z", RECEIVED + TOLERANCE),
        ("2026-11-23T10:30:00.124Z", RECEIVED + TOLERANCE),
        ("2026-11-23T10:30:00.122Z", RECEIVED + TOLERANCE - timedelta(milliseconds=1)),
        ("2026-11-23T12:00:00+03:00", datetime(2026, 11, 23, 9, 0, tzinfo=UTC)),
        ("2026-11-23T09:00:00.1239", datetime(2026, 11, 23, 9, 0, 0, 123_000, tzinfo=UTC)),
        (1_700_000_000_123, datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)),
        (None, RECEIVED),
    ],
)
def test_timestamps(sent: str | int | None, told: datetime) -> None:
    event = event_of(timestamp=sent)
    assert event.timestamp == told
    assert event.timestamp.utcoffset() == timedelta(0)
    assert event.received_at == RECEIVED


def test_the_external_id_is_stronger_than_the_visitor() -> None:
    assert event_of(visitorId=" v-1 ", external_contact_id=42).identities == (
        Identity("acme", IdentityKind.EXTERNAL, "42"),
        Identity("acme", IdentityKind.VISITOR, "v-1"),
    )


JUNK = (
    "anonymous|guest|distinct_id|id|email|undefined|true|false|not_authenticated|"
    "[object Object]|NaN|None|none|null|0|-1"
).split("|")
SPELLINGS = [
    spelt
    for word in JUNK
    for spelt in (word, word.upper(), word.title(), f" {word} ", f'"{word}"', f"'{word}'", f"\u201c{word}\u201d")
]


@pytest.mark.parametrize("junk", [*SPELLINGS, "  ", "", "00-00", "---", "000", "v" * 257, 0, -1])
def test_junk_is_stored_and_never_linked(junk: str | int) -> None:
    event = event_of(visitorId=junk, external_contact_id="crm-7")
    assert event.identities == (Identity("acme", IdentityKind.EXTERNAL, "crm-7"),)
    assert event.visitor_id == str(junk)
    assert event.context == {"visitor_id_refused": True}


def test_what_was_sent_is_kept() -> None:
    event = event_of(
        visitorId="v-1",
        sessionId="s-1",
        url="https://Shop.Example/a?b=c",
        domain="Shop.Example",
        ga_user_id="GA1",
        userAgent="Mozilla/5.0",
        referrer="https://r.example/",
        screenResolution="1x1",
    )
    assert (event.url, event.domain, event.session_id) == ("https://Shop.Example/a?b=c", "Shop.Example", "s-1")
    assert event.data == {}
    assert event.context == {
        "ga_user_id": "GA1",
        "user_agent": "Mozilla/5.0",
        "browser": "Other",
        "os": "Other",
        "device_type": "other",
        "referrer": "https://r.example/",
        "referring_domain": "r.example",
        "screen_resolution": "1x1",
    }


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"userAgent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}, {"browser": "Googlebot", "is_bot": True}),
        ({"userAgent": ""}, {"user_agent": "", "browser": None}),
        ({"referrer": "https://shop.example/a", "url": "https://www.shop.example/b"}, {"referring_domain": None}),
        ({"url": "https://x.example/?utm_source=news&utm_id=7"}, {"utm": {"utm_source": "news"}}),
        ({"url": "https://x.example/?utm_source=news", "data": {"utmParams": {}}}, {"utm": {"utm_source": "news"}}),
        (
            {"url": "https://x.example/?utm_source=news", "data": {"utmParams": {"utm_source": "sent"}}},
            {"utm": None},  # what was sent is in `data` already
        ),
    ],
)
def test_what_follows_from_what_was_sent(fields: dict[str, Any], told: dict[str, Any]) -> None:
    context = event_of(**fields).context
    assert {name: context.get(name) for name in told} == told


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://Shop.Example:8443/a", "shop.example"),
        ("/relative", None),
        ("http://[broken", None),
        (None, None),
    ],
)
def test_the_domain_comes_from_the_url_if_need_be(url: str | None, domain: str | None) -> None:
    assert event_of(url=url).domain == domain


def test_the_last_of_duplicate_keys_wins() -> None:
    event = normalise(record(b'{"tenant_id":"acme","event":"x","event":"y","data":{"a":1,"a":2}}'), TOLERANCE)
    assert (event.event, event.data) == ("y", {"a": 2})
