"""Records of `gmail.messages` that are wrong, hostile or huge: stored or refused, with a reason that tells nothing."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.gmail.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.topics import GMAIL_MESSAGES
from tests.support.gmail import (
    MAILBOX,
    RECEIVED,
    TENANT,
    TOLERANCE,
    attachment_part,
    fact_of,
    gmail_message,
    gmail_record,
    gmail_value,
    html_part,
    message_of,
    multipart,
    text_part,
)
from tests.support.hypothesis_settings import unhurried
from tests.support.tracker_fixtures import hostile_strings

SECRET = "ada@example.com"


def refusal(value: bytes | None) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        normalise(Record(GMAIL_MESSAGES, 0, 7, b"k", value, RECEIVED), TOLERANCE)
    return caught.value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"\xff", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b'{"a":NaN}', "not valid JSON"),
        (b'{"a":"\\ud800","b":NaN}', "not valid JSON"),
        (b'{"a":"\\ud800"', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a":"\\ud800","b":' + b"[" * 100_000, "not valid JSON"),
        (b"[]", "value: model_type"),
        (b"{}", "tenant_id: missing"),
        (gmail_value({"id": "m1"}, tenant_id="a b"), "tenant_id: string_pattern_mismatch"),
        (gmail_value({"id": "m1"}, mailbox=" "), "mailbox: mailbox"),
        (gmail_value({"id": "m1"}, mailbox="a\0b"), "mailbox: nul"),
        (gmail_value({"id": "m1"}, kind="moved"), "kind: literal_error"),
        (gmail_value({"id": "m1"}, surprise=1), "surprise: extra_forbidden"),
        (gmail_value({"id": "m1"}, id="m1"), "value: ids_beside_message"),
        (gmail_value(None), "value: message_missing"),
        (gmail_value(None, kind="deleted"), "value: message_missing"),
        (gmail_value({}), "id: missing"),
        (gmail_value({"id": ""}), "id: blank"),
        (gmail_value({"id": " "}), "id: blank"),
        (gmail_value({"id": None}), "id: string_type"),
        (gmail_value({"id": True}), "id: string_type"),
        (gmail_value({"id": "m\0"}), "id: nul"),
        (gmail_value({"id": "m\ud800"}), "id: unicode"),
        (gmail_value({"id": "m" * 257}), "id: too_long"),
        (gmail_value({"threadId": "t1"}, kind="deleted"), "id: missing"),
        (gmail_value({"id": "m1", "labelIds": "SPAM"}, kind="labels"), "value: labels_type"),
    ],
)
def test_what_is_refused_and_why(value: bytes | None, reason: str) -> None:
    assert refusal(value).reason == reason


def test_a_refusal_tells_whose_it_is_where_that_is_legible() -> None:
    assert refusal(gmail_value({})).tenant_id == TENANT
    assert refusal(gmail_value({}, surprise=1)).tenant_id == TENANT
    assert refusal(gmail_value({}, tenant_id="a b")).tenant_id is None
    assert refusal(b"[]").tenant_id is None


@pytest.mark.parametrize(
    "value",
    [
        json.dumps({"tenant_id": TENANT, "mailbox": MAILBOX, "kind": "message", SECRET: 1}).encode(),
        json.dumps({"tenant_id": TENANT, "mailbox": MAILBOX, "kind": "message", "evil\n\x1b[31m" * 50: 1}).encode(),
        gmail_value({"id": "m1"}, tenant_id=SECRET),
        gmail_value({"id": "m1"}, kind=SECRET),
        gmail_value({"id": [SECRET]}),
        f'{{"{SECRET}": '.encode(),
    ],
)
def test_a_reason_repeats_nothing_of_the_record(value: bytes) -> None:
    reason = refusal(value).reason
    assert SECRET not in reason
    assert reason.isprintable()
    assert len(reason) < 120


WHOLE = gmail_message(
    cc="carl@example.com",
    payload=multipart(
        "mixed",
        multipart("alternative", text_part("Hi"), multipart("related", html_part("<p>Hi"), attachment_part("i.png"))),
        attachment_part(),
    ),
)
texts = st.text() | st.sampled_from(
    ["\ud800", "\0", "=?utf-8?q?=00?=", "<", '"', "(", "=?", "&#0;", "a@b.c,", "9" * 5_000]
)
wild_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(place for name, one in inner for place in places(one, (*path, name)))]


DOCUMENT = json.loads(gmail_value(WHOLE))


@unhurried
@given(st.lists(st.tuples(st.sampled_from(places(DOCUMENT)), wild_values), min_size=1, max_size=3))
def test_any_value_anywhere_gives_facts_or_a_reason(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = {"whole": deepcopy(DOCUMENT)}
    for path, wild in changes:
        *way, last = ("whole", *path)
        inside: Any = document
        try:
            for name in way:
                inside = inside[name]
            inside[last] = wild
        except (LookupError, TypeError):
            continue  # an earlier change took the place away
    record = Record(GMAIL_MESSAGES, 0, 0, None, json.dumps(document["whole"]).encode(), RECEIVED)
    try:
        delivery = normalise(record, TOLERANCE)
    except InvalidRecordError as error:
        assert error.reason.isascii()  # noqa: PT017 - either way out is right
        assert len(error.reason) < 120  # noqa: PT017
        return
    assert delivery == normalise(record, TOLERANCE)
    # Nothing that cannot be written as UTF-8, and no NUL, is anywhere in what is told.
    assert "\\x00" not in repr(delivery)
    repr(delivery).encode()
    assert "\\ud8" not in repr(delivery)


@unhurried
@given(st.binary(max_size=200))
def test_any_bytes_give_a_reason(value: bytes) -> None:
    assert len(refusal(value).reason) < 120


@pytest.mark.parametrize("wild", hostile_strings(), ids=range(len(hostile_strings())))
def test_hostile_strings_are_stored_or_refused(wild: str) -> None:
    told = fact_of(
        gmail_message(
            subject=wild,
            sender=f"{wild} <ada@example.com>",
            to=wild,
            labels=[wild],
            history_id=wild,
            snippet=wild,
            internal_date=wild,
            date=wild,
            mail_id=wild,
            payload=multipart("alternative", text_part(wild), html_part(wild)),
            headers=[(wild, wild)],
        )
    )
    assert told.content is not None
    repr(told).encode()
    for name in ("id", "threadId"):
        try:
            fact_of(gmail_message() | {name: wild})
        except InvalidRecordError as error:
            assert name == "id"
            assert not wild.strip() or "\0" in wild or len(wild) > 256, error.reason  # noqa: PT017


def test_large_bodies_are_cut_and_deep_trees_are_walked() -> None:
    message = message_of(
        payload=multipart("alternative", text_part("a" * 5_000_000), html_part("<p>" + "b" * 5_000_000))
    )
    assert message.text == "a" * 1024 * 1024
    assert message.html is not None
    assert len(message.html) <= 1024 * 1024 + 10
    deep = text_part("deep")
    for _ in range(90):
        deep = multipart("mixed", deep)
    assert message_of(payload=deep).text == "deep"
    for _ in range(300):
        deep = multipart("mixed", deep)
    assert message_of(payload=deep).text is None


def test_very_many_parts_are_bounded() -> None:
    wide = multipart("mixed", *[multipart("mixed", *[attachment_part(f"{i}.pdf") for i in range(300)])] * 300)
    message = message_of(payload=multipart("mixed", text_part("Hi"), wide))
    assert message.text == "Hi"
    assert len(message.attachments) == 500


def test_the_same_at_every_delivery() -> None:
    first, again = (normalise(gmail_record(WHOLE, offset=offset), TOLERANCE) for offset in (0, 5))
    assert first == replace(again, receipt=first.receipt)
