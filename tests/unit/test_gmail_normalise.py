"""From a record of `gmail.messages` to facts about a message: what every mail, however odd, must hold to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.gmail.normalise import FULL, MAX_ADDRESSES, METADATA, normalise
from schemas.events import Source
from schemas.topics import GMAIL_MESSAGES
from service.conversations.incoming import Hidden, MessageFact, MessageKey, MessageState, thread_key
from service.conversations.model import Attachment, Direction, Message, Participant
from service.ledger.model import Receipt
from tests.support.gmail import (
    MAILBOX,
    RECEIVED,
    TENANT,
    TOLERANCE,
    attachment_part,
    content_of,
    fact_of,
    gmail_message,
    gmail_record,
    html_part,
    message_of,
    metadata_of,
    minimal_of,
    multipart,
    text_part,
)
from tests.support.hypothesis_settings import unhurried

SENT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
finite = st.floats(allow_nan=False, allow_infinity=False)


def state_of(**fields: Any) -> MessageState:
    state = fact_of(gmail_message(**fields)).state
    assert state is not None
    return state


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
        (None, "Mon, 23 Nov 2026 10:00:00 (CET) +0100", SENT),
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
@given(st.integers() | st.integers().map(str) | st.text() | finite, st.text() | st.just(None))
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
