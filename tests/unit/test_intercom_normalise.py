"""From Intercom's notifications and conversations to facts: who said what to whom, and in which state it stands."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.events import Source
from service.conversations.incoming import Delivery, Hidden, MessageFact, thread_key
from service.conversations.model import Attachment, Direction, Message, Participant
from service.identity.model import Identity, IdentityKind
from tests.support.intercom import (
    ADMIN,
    BEGAN,
    BOT,
    CLOSED,
    RECEIVED,
    REDACTED_BODY,
    Chat,
    Json,
    Step,
    intercom_record,
    notification,
)

TOLERANCE = timedelta(hours=1)
LATEST = RECEIVED + TOLERANCE
BOTH_APIS = pytest.mark.parametrize("chat", [Chat(api=1), Chat(api=2)], ids=["1.x", "2.x"])


def said(payload: Json) -> Delivery:
    return normalise(intercom_record(payload), TOLERANCE)


def refusal(value: bytes | None) -> InvalidRecordError:
    with pytest.raises(InvalidRecordError) as caught:
        normalise(Record("intercom.events", 0, 7, None, value, RECEIVED), TOLERANCE)
    return caught.value


def content_of(fact: MessageFact) -> Message:
    assert fact.content
    return fact.content.message


def part_of(payload: Json) -> MessageFact:
    """The fact about the part that a notification is about, not about the first message."""
    (fact,) = (fact for fact in said(payload).messages if fact.key.message_id != Chat.first_id)
    return fact


def emails(payload: Json) -> dict[str, set[str]]:
    return {fact.key.person_id: set(fact.emails) for fact in said(payload).persons}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def one_part(**fields: Any) -> Json:
    """The REST object of a conversation with one part, which has these fields."""
    told = Chat().rest([Step(8001, "", "comment", BEGAN + 60, "<p>Hello</p>")])
    told["conversation_parts"]["conversation_parts"][0] |= fields
    return told


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


# --- threads ---------------------------------------------------------------------------------------------------------


@BOTH_APIS
def test_a_conversation_has_a_state_and_persons(chat: Chat) -> None:
    (thread,) = said(chat.admin_closed(8001, BEGAN + 60)).threads
    assert thread.key == thread_key("acme", Source.INTERCOM, "9001", "9001")
    assert (thread.version, thread.state, thread.deleted) == (BEGAN + 60, "closed", False)
    assert thread.persons == {chat.contact_id}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"state": "snoozed", "open": True}, "snoozed"),
        ({"state": "no_such", "open": True}, "open"),
        ({"state": None, "open": False}, "closed"),
        ({"state": None, "open": True, "snoozed_until": BEGAN + 99}, "snoozed"),
        ({"state": 5, "open": None}, "closed"),
    ],
)
def test_the_state_is_told_in_several_places(fields: Json, state: str) -> None:
    (thread,) = said(Chat(extra=fields).admin_closed(8001, BEGAN + 60)).threads
    assert thread.state == state


def test_a_state_that_is_not_told_is_not_known() -> None:
    (thread,) = said(Chat(extra={"state": "", "open": None}).user_replied(8001, BEGAN + 60)).threads
    assert (thread.version, thread.state) == (0, None)


def test_a_state_without_a_time_is_as_of_the_notification_or_of_the_newest_date_in_it() -> None:
    timeless = Chat(extra={"updated_at": "?"})
    assert said(timeless.created()).threads[0].version == BEGAN + 1
    assert said(timeless.rest([])).threads[0].version == BEGAN
    steps = [Step(8001 + n, "", "comment", BEGAN + n, "<p>x</p>") for n in (70, 60)]
    assert said(timeless.rest(steps)).threads[0].version == BEGAN + 70
    assert said(timeless.rest([*steps, replace(steps[0], at=4_000_000_000)])).threads[0].version == BEGAN + 70
    (thread,) = said({"type": "conversation", "id": "9001", "state": "closed"}).threads
    assert (thread.version, thread.state) == (0, "closed")


def test_a_state_from_the_far_future_is_as_of_the_notification_and_gives_way_to_the_next() -> None:
    (thread,) = said(Chat(extra={"updated_at": 4_000_000_000}).created()).threads
    assert thread.version == BEGAN + 1


def test_persons_are_all_contacts_in_it_and_no_teammates() -> None:
    contacts = [
        {"type": "contact", "id": "c1"},
        {"type": "contact", "id": 2},
        {"id": "c3"},
        {"type": "admin", "id": "a"},
    ]
    for told in (contacts, {"type": "contact.list", "contacts": contacts}):
        chat = Chat(extra={"contacts": told, "customers": [{"type": "lead", "id": "c4"}]})
        (thread,) = said(chat.user_replied(8001, BEGAN + 60)).threads
        assert thread.persons == {"c1", "2", "c3", "c4", chat.contact_id}


def test_a_deleted_conversation_has_another_id_field() -> None:
    delivery = said(Chat().deleted(BEGAN + 60))
    (thread,) = delivery.threads
    assert thread.deleted
    assert thread.key.thread_id == "9001"
    assert delivery.messages == ()


def test_a_contact_joins_and_leaves() -> None:
    """Its conversation is one of another shape, with the id within."""
    item = {"conversation": {"model": {"id": 9001}, "parts": [{"id": 1, "body": ""}]}, "contact": contact(email="")}
    (thread,) = said(notification("conversation.contact.attached", item)).threads
    assert thread.key.thread_id == "9001"
    assert thread.persons == {"c-1"}
    assert said(notification("conversation.contact.detached", item)).threads == ()


def test_a_crowd_is_no_conversation() -> None:
    crowd = [{"type": "contact", "id": number} for number in range(1001)]
    assert refusal(intercom_record(Chat(extra={"contacts": crowd}).created()).value).reason == (
        "conversation: more than 1000 persons"
    )


# --- persons ---------------------------------------------------------------------------------------------------------


def contact(**fields: Any) -> Json:
    return {"type": "contact", "id": "c-1", "email": "Ada@Example.COM ", "name": "Ada"} | fields


@BOTH_APIS
def test_addresses_are_learned_from_conversations(chat: Chat) -> None:
    assert emails(chat.created()) == {chat.contact_id: {"ada@example.com"}}
    assert emails(chat.contact_created()) == {chat.contact_id: {"ada@example.com"}}


def test_who_started_it_need_not_be_the_contact() -> None:
    """1.x tells the contact's address beside; 2.x does not."""
    assert emails(Chat(api=1, by_admin=True).created()) == {Chat.contact_id: {"ada@example.com"}}
    assert emails(Chat(api=2, by_admin=True).created()) == {}
    reply = Chat(api=2, by_admin=True).user_replied(8001, BEGAN + 60)
    assert emails(reply) == {Chat.contact_id: {"ada@example.com"}}


@BOTH_APIS
def test_the_bot_is_nobody(chat: Chat) -> None:
    told = chat.admin_replied(8001, BEGAN + 60, by=BOT)
    assert content_of(part_of(told)).sender == Participant(None, "Fin")
    assert set(emails(told)) == {chat.contact_id}
    posing = one_part(author=BOT | {"type": "user"})
    assert set(emails(posing)) == {chat.contact_id}


@pytest.mark.parametrize(
    ("topic", "item"),
    [
        ("contact.created", contact()),
        ("contact.signed_up", contact(type="user")),
        ("contact.merged", contact(role="user")),
        ("user.created", contact(type="user")),
        ("user.email.updated", contact(type="user")),
        ("visitor.signed_up", contact(type="user")),
        ("contact.lead.added_email", contact(type="lead")),
        ("user.tag.created", {"type": "user_tag", "user": contact(type="user"), "tag": {"id": "1"}}),
        ("user.tag.deleted", {"type": "user_tag", "user": contact(type="user"), "tag": {"id": "1"}}),
        ("contact.tag.created", {"type": "contact_tag", "contact": contact(), "admin": {"type": "admin"}}),
        ("granular.subscribe", {"type": "granular_subscribe", "contact": contact()}),
        ("company.contact.attached", {"company": {"type": "company", "id": "co"}, "contact": contact()}),
        ("conversation.contact.detached", {"conversation": {"model": {"id": 5}}, "contact": contact()}),
        ("ticket.contact.replied", {"type": "ticket_ticket_part", "ticket_part": {"author": contact(type="user")}}),
        ("ticket.created", {"ticket": {"ticket_parts": {"ticket_parts": [{"author": contact(type="user")}]}}}),
        ("event.created", {"type": "event", "event_name": "x", "intercom_user_id": "c-1", "email": "ada@example.com"}),
    ],
)
def test_addresses_are_learned_from_whatever_names_a_contact(topic: str, item: Json) -> None:
    assert emails(notification(topic, item)) == {"c-1": {"ada@example.com"}}


NO_ADDRESSES: list[Any] = ["", None, "nobody", "a@b", 5, "a@b.c, d@e.f", BOT["email"]]
NO_IDS: list[Any] = ["", None, 1.5, True, [], "x" * 300]


@pytest.mark.parametrize(
    ("topic", "item"),
    [
        ("contact.deleted", contact(deleted=True)),
        ("user.deleted", contact(type="user")),
        ("contact.created", contact(type="visitor")),
        ("contact.created", contact(type="admin")),
        *(("contact.created", contact(email=email)) for email in NO_ADDRESSES),
        *(("contact.created", contact(id=missing)) for missing in NO_IDS),
        ("admin.logged_in", {"type": "admin", "id": "1", "email": "grace@ours.example"}),
        ("company.created", {"type": "company", "id": "1", "name": "Ours"}),
        ("ping", {"type": "ping", "message": "something"}),
        ("article.published", {"type": "article", "id": "1", "author_id": 5}),
        ("something.new", {}),
    ],
)
def test_others_tell_nothing_and_are_valid(topic: str, item: Json) -> None:
    delivery = said(notification(topic, item))
    assert delivery == Delivery(delivery.receipt, RECEIVED)
    assert delivery.receipt == ("intercom.events", 0, 0, "acme")


def test_a_conversation_that_becomes_attributable_later_names_the_same_person() -> None:
    unknown = Chat(email=None, name=None)
    assert emails(unknown.created()) == {}
    assert said(unknown.created()).threads[0].persons == {unknown.contact_id}
    assert set(emails(Chat().contact_created())) == {unknown.contact_id}


# --- tracked events --------------------------------------------------------------------------------------------------


def tracked(**fields: Any) -> Json:
    item = {
        "type": "event",
        "id": "ev-1",
        "event_name": "invited-friend",
        "created_at": BEGAN,
        "email": "ada@example.com",
    }
    return notification("event.created", item | {"metadata": {"plan": {"seats": 3}}} | fields)


def test_a_tracked_event_is_a_timeline_event() -> None:
    (event,) = said(tracked()).events
    assert (event.event, event.source, event.tenant_id) == ("invited-friend", Source.INTERCOM, "acme")
    assert (event.timestamp, event.received_at) == (at(BEGAN), RECEIVED)
    assert event.data == {"plan": {"seats": 3}}
    assert event.identities == (Identity("acme", IdentityKind.EMAIL, "ada@example.com"),)
    assert event.contact_id is None


def test_tracked_events_have_stable_ids() -> None:
    """Stored events would be stored again if these changed."""
    (named,), (nameless,) = said(tracked()).events, said(tracked(id=None)).events
    assert named.event_id == "evt_27141c7f0ae5c7782b4c3bcfe1257e57"
    assert nameless.event_id == "evt_54dbca261874ce96f5f9824de8579647"
    assert said(tracked(event_name="other")).events[0].event_id == named.event_id
    assert said(tracked(id=None, event_name="other")).events[0].event_id != nameless.event_id
    other = normalise(intercom_record(tracked(), "other"), TOLERANCE).events[0]
    assert other.event_id != named.event_id


def test_a_tracked_event_of_nobody_known_has_no_identity() -> None:
    (event,) = said(tracked(email="", created_at="2026-01-10T08:10:14Z", metadata=[1])).events
    assert (event.identities, event.data) == ((), {})
    assert event.timestamp == datetime(2026, 1, 10, 8, 10, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_name": None}, "event: must have a name of 1 to 256 characters"),
        ({"event_name": "x" * 257}, "event: must have a name of 1 to 256 characters"),
        ({"metadata": {"n": 2**64}}, "metadata must be an integer within 64 bits"),
        ({"metadata": {"a\0b": 1}}, "metadata must not have a key that contains a NUL character"),
        ({"metadata": {"n": float("nan")}}, "metadata must be a finite number"),
    ],
)
def test_an_event_that_cannot_be_stored_is_refused(fields: Json, reason: str) -> None:
    assert refusal(intercom_record(tracked(**fields)).value).reason == reason


# --- the envelope ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty value"),
        (b"", "empty value"),
        (b"{", "not valid JSON"),
        (b"[]", "value: model_type"),
        (b'{"notification":{"topic":"ping"}}', "tenant_id: missing"),
        (b'{"tenant_id":" ","notification":{"topic":"ping"}}', "tenant_id: string_pattern_mismatch"),
        (b'{"tenant_id":"acme"}', "must have exactly one of notification and conversation"),
        (
            b'{"tenant_id":"acme","notification":{"topic":"ping"},"conversation":{"id":1}}',
            "must have exactly one of notification and conversation",
        ),
        (b'{"tenant_id":"acme","notification":{"topic":"ping"},"surprise":1}', "surprise: extra_forbidden"),
        (b'{"tenant_id":"acme","notification":{"topic":"ping"},"a b":1}', "(unprintable name): extra_forbidden"),
        (b'{"tenant_id":"acme","notification":"ping"}', "notification: model_type"),
        (b'{"tenant_id":"acme","conversation":[]}', "conversation: model_type"),
        (b'{"tenant_id":"acme","notification":{}}', "notification: must be a webhook notification"),
        (b'{"tenant_id":"acme","notification":{"topic":"conversation.deleted"}}', "conversation: no id"),
        (b'{"tenant_id":"acme","conversation":{}}', "conversation: no id"),
        (b'{"tenant_id":"acme","conversation":{"id":5,"type":"visitor"}}', "conversation: must be a conversation"),
    ],
)
def test_what_is_no_envelope_is_refused(value: bytes | None, reason: str) -> None:
    error = refusal(value)
    assert error.reason == reason
    assert error.tenant_id == ("acme" if value and b'"acme"' in value else None)


def test_a_notification_without_a_topic_is_read_by_what_it_is_about() -> None:
    told = Chat().created()
    del told["topic"], told["type"]
    value = json.dumps({"tenant_id": "acme", "notification": told}).encode()
    delivery = normalise(Record("intercom.events", 0, 0, None, value, RECEIVED), TOLERANCE)
    assert delivery.messages == said(Chat().created()).messages


def test_a_closed_conversation_can_be_opened_again() -> None:
    chat = Chat()
    closed, opened = said(chat.admin_closed(1, BEGAN + 60)), said(chat.user_replied(2, BEGAN + 90))
    assert closed.threads[0].state == CLOSED
    assert opened.threads[0].version > closed.threads[0].version
