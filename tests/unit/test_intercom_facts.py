"""From Intercom's notifications to facts beside messages: threads, persons, tracked events; and what is no envelope."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import Record
from schemas.events import Source
from service.conversations.incoming import Delivery, thread_key
from service.conversations.model import Participant
from service.identity.model import Identity, IdentityKind
from tests.support.intercom import (
    BEGAN,
    BOT,
    CLOSED,
    RECEIVED,
    Chat,
    Json,
    Step,
    intercom_record,
    notification,
)
from tests.support.intercom_told import BOTH_APIS, TOLERANCE, at, content_of, emails, one_part, part_of, refusal, said

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
