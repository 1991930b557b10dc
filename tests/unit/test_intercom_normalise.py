"""From Intercom's notifications and conversations to messages: who said what to whom, and which version of it wins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.events import Source
from service.conversations.incoming import Hidden, thread_key
from service.conversations.model import Attachment, Direction, Participant
from tests.support.intercom import (
    ADMIN,
    BEGAN,
    BOT,
    RECEIVED,
    REDACTED_BODY,
    Chat,
    Json,
    Step,
    intercom_record,
)
from tests.support.intercom_told import BOTH_APIS, TOLERANCE, at, content_of, one_part, part_of, refusal, said

LATEST = RECEIVED + TOLERANCE


# --- messages --------------------------------------------------------------------------------------------------------


@BOTH_APIS
def test_the_first_message_is_one(chat: Chat) -> None:
    delivery = said(chat.created())
    (fact,) = delivery.messages
    assert fact.key == ("acme", Source.INTERCOM, "9001", "7001")
    assert fact.thread == thread_key("acme", Source.INTERCOM, "9001", "9001")
    assert fact.content
    assert fact.content.direction is Direction.INBOUND
    assert fact.content.addresses == ()
    message = fact.content.message
    assert (message.text, message.html) == ("Where is my order?", "<p>Where is my order?</p>")
    assert message.snippet == "Where is my order?"
    assert message.sender == Participant("ada@example.com", "Ada Lovelace")
    assert message.sent_at == at(BEGAN)
    assert fact.state
    assert fact.state.hidden is None
    assert (delivery.receipt.tenant_id, delivery.received_at) == ("acme", RECEIVED)


@BOTH_APIS
def test_a_reply_comes_with_the_first_message_again(chat: Chat) -> None:
    first, reply = said(chat.user_replied(8001, BEGAN + 60)).messages
    assert (first.key.message_id, reply.key.message_id) == ("7001", "8001")
    assert content_of(first) == content_of(said(chat.created()).messages[0])
    assert content_of(reply).text == "It is late."
    assert content_of(reply).sent_at == at(BEGAN + 60)
    assert content_of(reply).sender == Participant("ada@example.com", "Ada Lovelace")


@BOTH_APIS
def test_teammates_and_bots_answer(chat: Chat) -> None:
    for author in (ADMIN, BOT, {"type": "team", "id": "9", "name": "Support"}, {"type": "operator", "id": "1"}):
        fact = part_of(chat.admin_replied(8001, BEGAN + 60, by=author))
        assert fact.content
        assert fact.content.direction is Direction.OUTBOUND


@pytest.mark.parametrize("part_type", ["comment", "assignment", "open", "close", "quick_reply", "snoozed", "whatever"])
def test_any_part_with_a_body_is_a_message(part_type: str) -> None:
    fact = part_of(one_part(part_type=part_type))
    assert content_of(fact).text == "Hello"
    assert fact.state
    assert fact.state.hidden is None


@pytest.mark.parametrize("body", [None, "", " \n ", 17, ["<p>Hello</p>"]])
def test_a_part_without_a_body_is_no_message(body: Any) -> None:
    delivery = said(one_part(part_type="assignment", body=body))
    assert [fact.key.message_id for fact in delivery.messages] == ["7001"]
    assert delivery.threads[0].state == "open"
    assert delivery.persons


@pytest.mark.parametrize("part_type", ["note", "note_and_reopen"])
@BOTH_APIS
def test_a_note_is_kept_and_hidden(chat: Chat, part_type: str) -> None:
    fact = part_of(chat.told(Step(8001, "conversation.admin.noted", part_type, BEGAN + 60, "<p>Hm</p>", ADMIN)))
    assert content_of(fact).text == "Hm"
    assert fact.state
    assert fact.state.hidden is Hidden.INTERNAL


def test_the_keys_are_those_of_conversation_and_part_whatever_tells_of_it() -> None:
    step = Step(8001, "conversation.user.replied", "comment", BEGAN + 60, "<p>Hello</p>")
    told = [Chat(api=1).told(step), Chat(api=2).told(step), Chat().rest([step]), one_part(id=8001)]
    assert len({part_of(each).key for each in told}) == 1


@pytest.mark.parametrize(
    ("kind", "direction"),
    [
        ("user", Direction.INBOUND),
        ("lead", Direction.INBOUND),
        ("contact", Direction.INBOUND),
        ("visitor", Direction.INBOUND),
        ("campaign", Direction.OUTBOUND),
        (None, Direction.OUTBOUND),
    ],
)
def test_the_author_tells_the_direction(kind: str | None, direction: Direction) -> None:
    fact = part_of(one_part(author={"type": kind, "id": "77"}))
    assert fact.content
    assert fact.content.direction is direction


def test_an_unknown_kind_of_author_with_a_contacts_id_is_the_contact() -> None:
    fact = part_of(one_part(author={"type": "someone_new", "id": Chat.contact_id}))
    assert fact.content
    assert fact.content.direction is Direction.INBOUND


@pytest.mark.parametrize("author", [None, {}, {"type": "", "id": "", "name": "", "email": ""}])
def test_a_first_message_without_author_is_judged_by_how_it_came(author: Json | None) -> None:
    for chat, direction in ((Chat(), Direction.INBOUND), (Chat(by_admin=True), Direction.OUTBOUND)):
        told = chat.created()
        told["data"]["item"]["source"]["author"] = author
        (fact,) = said(told).messages
        assert fact.content
        assert fact.content.direction is direction


@pytest.mark.parametrize(
    ("body", "text", "html"),
    [
        ("<p>a &lt; b</p>", "a < b", "<p>a &lt; b</p>"),
        ("a < b and c > d", "a < b and c > d", None),
        ("Tom &amp; Jerry", "Tom &amp; Jerry", None),
        ("  plain\n\ntext ", "plain\n\ntext", None),
        ("one<br>two", "one\ntwo", "one<br>two"),
        ("<P>loud</P>", "loud", "<p>loud</p>"),
        ("use <p> for paragraphs", "use <p> for paragraphs", None),
        ("</p>", "</p>", None),
        ("<script>alert(1)</script>", "<script>alert(1)</script>", None),
    ],
)
def test_bodies_are_html_or_plain_text(body: str, text: str, html: str | None) -> None:
    message = content_of(part_of(one_part(body=body)))
    assert (message.text, message.html) == (text, html)


def test_html_is_made_safe() -> None:
    message = content_of(
        part_of(one_part(body='<p onclick="x()">Hi<script>alert(1)</script><img src="https://t/"></p>'))
    )
    assert message.text == "Hi"
    assert message.html
    assert not any(word in message.html for word in ("script", "onclick", "https"))


def test_a_snippet_is_short() -> None:
    message = content_of(part_of(one_part(body="<p>one</p><p>two</p>" + "<p>more</p>" * 100)))
    assert message.snippet
    assert message.snippet.startswith("one two more more")
    assert len(message.snippet) == 200


def test_attachments_are_metadata() -> None:
    files = [
        {"type": "upload", "name": "order.pdf", "content_type": "application/pdf", "filesize": 3, "url": "https://x"},
        {"name": 5, "filesize": "3"},
        "none",
    ]
    message = content_of(part_of(one_part(attachments=files)))
    assert message.attachments == (Attachment("order.pdf", "application/pdf", 3), Attachment(None, None, None))


@pytest.mark.parametrize(
    ("subject", "title", "shown"),
    [
        ("<p>Order  17</p>", None, "Order 17"),
        ("Order 17", "x", "Order 17"),
        ("", "A title", "A title"),
        ("", None, None),
    ],
)
def test_the_subject_is_the_first_messages(subject: str, title: str | None, shown: str | None) -> None:
    chat = Chat(subject=subject, extra={"title": title})
    first, reply = said(chat.user_replied(8001, BEGAN + 60)).messages
    assert content_of(first).subject == shown
    assert content_of(reply).subject is None


def test_a_first_message_that_comes_again_as_a_part_keeps_its_subject() -> None:
    again = Step(int(Chat.first_id), "conversation_part.tag.created", "comment", BEGAN, "<p>Where is my order?</p>")
    first, part = said(Chat(subject="Order 17").told(again)).messages
    assert first.key == part.key
    assert content_of(first) == content_of(part)


def test_a_bare_author_is_named_by_the_rest_of_the_conversation() -> None:
    """1.x: the first message's author is an id."""
    (fact,) = said(Chat(api=1, by_admin=True, extra={"assignee": ADMIN}).created()).messages
    assert content_of(fact).sender == Participant("grace@ours.example", "Grace Hopper")


def test_one_id_under_two_names_is_not_mixed() -> None:
    told = one_part(author={"type": "admin", "id": "501", "name": "Operator", "email": BOT["email"]})
    told["conversation_parts"]["conversation_parts"].append({"id": 2, "body": "x", "author": ADMIN})
    _, operator, admin = said(told).messages
    assert content_of(operator).sender == Participant(None, "Operator")
    assert content_of(admin).sender == Participant("grace@ours.example", "Grace Hopper")


def test_a_message_without_an_id_is_not_dropped_silently() -> None:
    error = refusal(intercom_record(one_part(id=None)).value)
    assert (error.reason, error.tenant_id) == ("conversation part: no id", "acme")


def test_a_first_message_without_an_id_is_still_one() -> None:
    (fact,) = said(Chat(first_id="").created()).messages
    assert fact.key.message_id == "source"


# --- redaction, order ------------------------------------------------------------------------------------------------


@BOTH_APIS
def test_a_redaction_beats_whatever_is_newer(chat: Chat) -> None:
    step = Step(8001, "conversation.user.replied", "comment", BEGAN + 60, "<p>My PIN is 1234</p>")
    redacted = part_of(chat.part_redacted(step, BEGAN + 90))
    later = part_of(Chat().told(Step(8001, "conversation_part.tag.created", "comment", BEGAN + 600, step.body)))
    assert redacted.key == later.key
    assert redacted.content
    assert later.content
    assert redacted.content.rank > later.content.rank
    assert content_of(redacted).text == "This message was deleted"


def test_a_redacted_part_may_have_no_body() -> None:
    fact = part_of(one_part(body=None, redacted=True))
    assert fact.content
    assert fact.content.rank[0] == 1
    assert (content_of(fact).text, content_of(fact).html) == (None, None)


def test_the_first_message_too_can_be_redacted() -> None:
    told = Chat(api=1, first_body=REDACTED_BODY).created()
    (fact,) = said(told).messages
    assert fact.content
    assert fact.content.rank[0] == 1


def test_the_newest_version_of_a_part_wins_and_then_the_one_that_tells_more() -> None:
    def rank(**fields: Any) -> tuple[int, int]:
        fact = part_of(one_part(**fields))
        assert fact.content
        assert fact.state
        return fact.content.rank

    author = {"type": "lead", "id": "77"}
    assert rank(updated_at=BEGAN + 99) > rank(updated_at=BEGAN + 98)
    assert rank(updated_at=None) == rank(updated_at=BEGAN + 60)
    assert rank(author=author | {"email": "ada@example.com"}) > rank(author=author | {"email": ""})
    assert rank(updated_at=BEGAN + 99, author=author) > rank(updated_at=BEGAN + 98)


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        (BEGAN, at(BEGAN)),
        (float(BEGAN) + 0.5, at(BEGAN) + timedelta(milliseconds=500)),
        (str(BEGAN), at(BEGAN)),
        (BEGAN * 1000 + 7, at(BEGAN) + timedelta(milliseconds=7)),
        ("2026-01-10T08:10:14.903+01:00", datetime(2026, 1, 10, 7, 10, 14, 903_000, tzinfo=UTC)),
        ("2026-01-10T08:10:14", datetime(2026, 1, 10, 8, 10, 14, tzinfo=UTC)),
        (4_000_000_000, LATEST),
        ("9999-12-31T23:59:59Z", LATEST),
        *(
            (absurd, at(BEGAN))
            for absurd in (None, "", "soon", 0, -1, True, 10**30, 1e300, "0001-01-01T00:00:00+14:00")
        ),
    ],
)
def test_times_come_in_many_forms(told: Any, understood: datetime) -> None:
    """What cannot be understood is as old as the conversation; nothing is from the far future."""
    assert content_of(part_of(one_part(created_at=told))).sent_at == understood


def test_without_any_time_it_is_when_it_was_told_or_came() -> None:
    timeless = {"created_at": None, "updated_at": None}
    chat = Chat(extra=timeless)
    assert content_of(said(chat.created()).messages[0]).sent_at == at(BEGAN + 1)
    assert content_of(said(chat.rest([])).messages[0]).sent_at == RECEIVED
