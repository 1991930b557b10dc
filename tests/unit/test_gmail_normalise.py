"""From a record of `gmail.messages` to facts about a message: what every mail, however odd, must hold to."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.gmail.normalise import FULL, MAX_ADDRESSES, METADATA, normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.events import Source
from schemas.topics import GMAIL_MESSAGES
from service.conversations.incoming import Content, Hidden, MessageFact, MessageKey, MessageState, thread_key
from service.conversations.model import Attachment, Direction, Message, Participant
from service.ledger.model import Receipt
from tests.support.gmail import (
    MAILBOX,
    RECEIVED,
    TENANT,
    Resource,
    attachment_part,
    gmail_message,
    gmail_record,
    gmail_value,
    html_part,
    metadata_of,
    minimal_of,
    multipart,
    text_part,
)
from tests.support.hypothesis_settings import unhurried
from tests.support.tracker_fixtures import hostile_strings

TOLERANCE = timedelta(hours=1)
SENT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = "ada@example.com"


def fact_of(message: Resource | None = None, **envelope: Any) -> MessageFact:
    """The one fact that a record of this message tells."""
    (fact,) = normalise(gmail_record(message, **envelope), TOLERANCE).messages
    return fact


def content_of(**fields: Any) -> Content:
    content = fact_of(gmail_message(**fields)).content
    assert content is not None
    return content


def message_of(**fields: Any) -> Message:
    return content_of(**fields).message


def state_of(**fields: Any) -> MessageState:
    state = fact_of(gmail_message(**fields)).state
    assert state is not None
    return state


def refusal(value: bytes | None) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        normalise(Record(GMAIL_MESSAGES, 0, 7, b"k", value, RECEIVED), TOLERANCE)
    return caught.value


def test_a_mail_from_a_contact() -> None:
    delivery = normalise(gmail_record(gmail_message(), offset=7), TOLERANCE)
    thread = thread_key(TENANT, Source.GMAIL, MAILBOX, "t1")
    assert delivery.receipt == Receipt(GMAIL_MESSAGES, 0, 7, TENANT)
    assert delivery.received_at == RECEIVED
    assert (delivery.threads, delivery.persons, delivery.events) == ((), (), ())
    (fact,) = delivery.messages
    assert fact.key == MessageKey(TENANT, Source.GMAIL, MAILBOX, "m1")
    assert fact.thread == thread
    assert not fact.deleted
    assert fact.state == MessageState((100, 0))
    assert fact.content is not None
    assert (fact.content.rank, fact.content.direction) == (FULL, Direction.INBOUND)
    assert fact.content.addresses == ("ada@example.com",)
    assert fact.content.message == Message(
        TENANT,
        Source.GMAIL,
        MAILBOX,
        "m1",
        SENT,
        sender=Participant("ada@example.com", "Ada Lovelace"),
        to=(Participant(MAILBOX, "Rep"),),
        subject="Hello",
        snippet="Hello there",
        text="Hello there",
    )


def test_a_mail_to_contacts() -> None:
    fact = fact_of(
        gmail_message(
            sender=f"Rep <{MAILBOX}>",
            to="Ada <ADA@example.com>, Bob <bob@example.com>",
            cc="rep+cc@ours.example, Carl <carl@example.com>, ada@EXAMPLE.com",
            bcc="dora@example.com",
            labels=["SENT"],
            headers=[("Reply-To", "elsewhere@example.com"), ("Sender", "Agent <agent@example.com>")],
        )
    )
    assert fact.content is not None
    assert fact.state is not None
    assert fact.state.direction is fact.content.direction is Direction.OUTBOUND
    expected = [f"{name}@example.com" for name in ("ada", "bob", "carl", "agent", "dora")]
    assert list(fact.content.addresses) == expected
    assert [one.address for one in fact.content.message.cc][:2] == ["rep+cc@ours.example", "carl@example.com"]


@pytest.mark.parametrize(
    ("labels", "hidden", "direction"),
    [
        (None, None, None),
        ([], None, None),
        (["INBOX", "UNREAD"], None, None),
        (["IMPORTANT"], None, None),
        (["SENT"], None, Direction.OUTBOUND),
        (["SENT", "INBOX"], None, Direction.OUTBOUND),
        (["TRASH", "INBOX"], Hidden.TRASH, None),
        (["SPAM"], Hidden.SPAM, None),
        (["SPAM", "TRASH", "SENT"], Hidden.TRASH, Direction.OUTBOUND),
        (["TRASH", "DRAFT", "SPAM"], Hidden.DRAFT, None),
        (["spam", "Label_SPAM"], None, None),
    ],
)
def test_labels(labels: list[str] | None, hidden: Hidden | None, direction: Direction | None) -> None:
    state = state_of(labels=labels)
    assert (state.hidden, state.direction) == (hidden, direction)
    told = {"id": "m1", "historyId": "7"} | ({} if labels is None else {"labelIds": labels})
    changed = fact_of(told, kind="labels")
    assert changed.state == MessageState((7, 0), hidden, direction)
    assert changed.content is None


@pytest.mark.parametrize(
    ("history_id", "version"),
    [
        ("59265580", (59265580, 0)),
        (59265580, (59265580, 0)),
        ("18446744073709551615", (2**64 - 1, 0)),
        ("18446744073709551616", (0, 0)),
        ("-1", (0, 0)),
        ("abc", (0, 0)),
        ("", (0, 0)),
        ("9" * 10_000, (0, 0)),
        ("٣", (0, 0)),
        (True, (0, 0)),
        ([], (0, 0)),
        (None, (0, 0)),
    ],
)
def test_versions(history_id: Any, version: tuple[int, int]) -> None:
    assert state_of(history_id=history_id).version == version


def test_new_labels_without_a_version_have_none_and_change_what_is_there() -> None:
    unversioned = fact_of({"id": "m1", "labelIds": ["SPAM"]}, kind="labels").state
    assert unversioned == MessageState(None, Hidden.SPAM)
    assert state_of(history_id=None).version == (0, 0)


@pytest.mark.parametrize("beside", [True, False])
def test_a_deletion_says_only_the_ids(beside: bool) -> None:
    ids: dict[str, Any] = {"id": "m1", "threadId": "t1"}
    fact = fact_of(kind="deleted", **ids) if beside else fact_of(ids, kind="deleted")
    key = MessageKey(TENANT, Source.GMAIL, MAILBOX, "m1")
    assert fact == MessageFact(key, thread_key(TENANT, Source.GMAIL, MAILBOX, "t1"), deleted=True)


def test_labels_may_stand_in_the_envelope() -> None:
    fact = fact_of(kind="labels", id="m1", threadId="t1", labelIds=["TRASH"], historyId="9")
    assert fact.state == MessageState((9, 0), Hidden.TRASH)
    assert fact.key.message_id == "m1"


def test_what_has_no_thread_is_a_thread() -> None:
    assert fact_of(gmail_message(thread_id=None)).thread == thread_key(TENANT, Source.GMAIL, MAILBOX, "m1")
    assert fact_of({"id": "m1"}, kind="deleted").thread is None


def test_the_mailbox_has_one_spelling() -> None:
    assert fact_of(gmail_message(), mailbox=" REP@Ours.Example ") == fact_of(gmail_message())


def test_formats_are_told_apart_by_what_is_there() -> None:
    full = gmail_message(payload=multipart("mixed", text_part("Hi"), attachment_part()))
    whole, headers, minimal = (fact_of(one) for one in (full, metadata_of(full), minimal_of(full)))
    assert whole.content is not None
    assert headers.content is not None
    assert (headers.content.rank, whole.content.rank) == (METADATA, FULL)
    assert headers.content.rank < whole.content.rank
    assert headers.content.addresses == whole.content.addresses
    assert headers.content.copy == whole.content.copy
    assert (headers.content.message.text, headers.content.message.attachments) == (None, ())
    assert minimal.content is None
    assert minimal.state == headers.state == whole.state


@pytest.mark.parametrize(
    ("internal", "date", "told"),
    [
        ("1795424400000", "Mon, 23 Nov 2026 08:00:00 +0000", SENT),
        (1795424400000, None, SENT),
        (None, "Mon, 23 Nov 2026 10:00:00 +0100 (CET)", SENT),
        ("soon", "Mon, 23 Nov 2026 09:00:00 -0000", SENT),
        ("0", "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        ("-5", "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        ("9" * 30, "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        ("9" * 10_000, "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        ("253402300800000", "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        ("253402300799999", "Mon, 23 Nov 2026 09:00:00 GMT", RECEIVED + TOLERANCE),
        (1e300, "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        (True, "Mon, 23 Nov 2026 09:00:00 GMT", SENT),
        (None, "Pn, 29 paX 2007 21:13:00 +0100", RECEIVED),
        (None, "Thu, 01 Jan 9999 00:00:00 +0000", RECEIVED + TOLERANCE),
        (None, "Wed, 01 Jan 1890 00:00:00 +0000", RECEIVED),
        (None, "Mon, 23 Nov 99999 09:00:00 +0000", RECEIVED),
        (None, "Mon, 23 Nov 2026 09:00:00 +999999999", RECEIVED),
        (None, "", RECEIVED),
        (None, None, RECEIVED),
    ],
)
def test_when_it_was_sent(internal: Any, date: str | None, told: datetime) -> None:
    assert message_of(internal_date=internal, date=date).sent_at == told


@unhurried
@given(
    st.integers() | st.integers().map(str) | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    st.text() | st.just(None),
)
def test_no_time_is_absurd(internal: Any, date: str | None) -> None:
    told = message_of(internal_date=internal, date=date).sent_at
    assert datetime(1970, 1, 1, tzinfo=UTC) < told <= RECEIVED + TOLERANCE
    assert told.utcoffset() == timedelta(0)
    assert told.microsecond % 1000 == 0


@pytest.mark.parametrize(
    ("sender", "mailbox", "direction"),
    [
        ("Rep <rep@ours.example>", MAILBOX, Direction.OUTBOUND),
        ("REP@OURS.EXAMPLE", MAILBOX, Direction.OUTBOUND),
        ("rep+news@ours.example", MAILBOX, Direction.OUTBOUND),
        ("r.ep@ours.example", MAILBOX, Direction.INBOUND),
        ("f.irst.last+x@googlemail.com", "firstlast@gmail.com", Direction.OUTBOUND),
        ("reporter@ours.example", MAILBOX, Direction.INBOUND),
        ('"rep@ours.example" <ada@example.com>', MAILBOX, Direction.INBOUND),
        ("ada@example.com, rep@ours.example", MAILBOX, Direction.OUTBOUND),
        ("rep@bücher.example", "rep@xn--bcher-kva.example", Direction.OUTBOUND),
        ("MAILER DAEMON <>", MAILBOX, Direction.INBOUND),
        (None, MAILBOX, Direction.INBOUND),
    ],
)
def test_direction_by_from(sender: str | None, mailbox: str, direction: Direction) -> None:
    content = fact_of(gmail_message(sender=sender), mailbox=mailbox).content
    assert content is not None
    assert content.direction is direction


def test_copies_share_message_id_from_and_date() -> None:
    first = content_of().copy
    assert first is not None
    ours = gmail_message("m9", thread_id="t9", labels=["SENT"], history_id="1")
    other = fact_of(ours, mailbox="boss@ours.example").content
    assert other is not None
    assert other.copy == first
    spelt_otherwise = content_of(mail_id=None, headers=[("MESSAGE-Id", " <m1@example.com>\r\n")])
    assert spelt_otherwise.copy == first
    assert content_of(sender="Someone else's name for <Ada@Example.com>").copy == first
    assert content_of(mail_id="<m2@example.com>").copy != first
    assert content_of(sender="bob@example.com").copy != first
    assert content_of(date="Mon, 23 Nov 2026 09:00:01 +0000").copy != first


@pytest.mark.parametrize("mail_id", [None, "", "  ", "<>", "< >"])
def test_an_empty_message_id_matches_nothing(mail_id: str | None) -> None:
    assert content_of(mail_id=mail_id).copy is None


def test_texts_of_headers() -> None:
    message = message_of(
        subject="=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?B?8J+Y?= =?utf-8?B?gA==?=\tund  \x00mehr",
        snippet="Tom &amp; Ada &lt;3 &#39;x&#39; &zwnj; &zwnj; &zwnj;",
        headers=[("X-Any", "y")],
    )
    assert message.subject == "Grüße😀 und mehr"
    assert message.snippet == "Tom & Ada <3 'x'"
    assert (message_of(subject=None).subject, message_of(subject=" ", snippet="").snippet) == (None, None)
    assert message_of(snippet=f"&#{'9' * 5_000};x").snippet is not None


def test_a_wrong_type_costs_no_more_than_itself() -> None:
    whole = gmail_message(labels=["SPAM"])
    for name in ("threadId", "labelIds", "snippet", "payload", "historyId", "internalDate", "sizeEstimate"):
        for wrong in (None, 7, 7.5, True, "x", ["x"], {"x": 1}, [None], ""):
            fact = fact_of({**whole, name: wrong})
            assert fact.key.message_id == "m1"
            assert fact.state is not None
            assert (fact.content is None) == (name == "payload")


def test_redelivered_with_other_attachment_ids_nothing_changes() -> None:
    first, again = (
        gmail_message(payload=multipart("mixed", text_part("Hi"), attachment_part(attachment_id=token)))
        for token in ("ANGjdJ_1", "ANGjdJ_2")
    )
    assert fact_of(first) == fact_of(again)


def test_attachments_are_told() -> None:
    message = message_of(payload=multipart("mixed", html_part("<p>Hi</p>"), attachment_part("offer.pdf", size=99)))
    assert message.attachments == (Attachment("offer.pdf", "application/pdf", 99),)
    assert (message.text, message.html) == ("Hi", "<p>Hi</p>")


def test_addresses_are_bounded() -> None:
    many = ", ".join(f"P{i} <p{i}@example.com>" for i in range(5_000))
    content = content_of(to=many, cc=many.replace("p", "q"))
    assert len(content.addresses) == MAX_ADDRESSES
    assert content.addresses[:2] == ("ada@example.com", "p0@example.com")


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
