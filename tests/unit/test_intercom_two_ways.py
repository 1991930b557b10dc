"""A conversation told in two ways amounts to the same: by its notifications in any order, and whole."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consumers.intercom.normalise import normalise
from service.conversations.incoming import Content, MessageKey
from tests.support.hypothesis_settings import unhurried
from tests.support.intercom import ADMIN, BEGAN, BOT, Chat, Json, Step, intercom_record

TOLERANCE = timedelta(hours=1)

_KINDS = [
    ("conversation.user.replied", "comment", None, "open"),
    ("conversation.admin.replied", "comment", ADMIN, "open"),
    ("conversation.operator.replied", "comment", BOT, "open"),
    ("conversation.admin.noted", "note", ADMIN, "open"),
    ("conversation.admin.assigned", "assignment", ADMIN, "open"),
    ("conversation.admin.closed", "close", ADMIN, "closed"),
    ("conversation.admin.snoozed", "snoozed", ADMIN, "snoozed"),
]
happenings = st.lists(
    st.tuples(
        st.sampled_from(_KINDS),
        st.integers(1, 1000),
        st.none() | st.text(st.characters(codec="utf-8"), max_size=10) | st.just("<p>Hello</p>"),
        st.none() | st.integers(1, 1000),
    ),
    max_size=8,
)
chats = st.builds(
    Chat,
    by_admin=st.booleans(),
    subject=st.sampled_from(["", "Order 17"]),
    email=st.sampled_from([None, "ada@example.com"]),
    name=st.sampled_from([None, "Ada"]),
)


def steps_of(told: list[tuple[Any, int, str | None, int | None]]) -> list[Step]:
    at, steps = BEGAN, []
    for number, ((topic, part_type, author, state), after, body, redacted_after) in enumerate(told):
        at += after
        redacted_at = at + redacted_after if redacted_after and body and body.strip() else None
        steps.append(Step(8000 + number, topic, part_type, at, body, author, state, redacted_at))
    return steps


def webhooks(chat: Chat, steps: list[Step]) -> list[Json]:
    redactions = [chat.part_redacted(step, step.redacted_at) for step in steps if step.redacted_at]
    return [chat.created(), *(chat.told(step) for step in steps), *redactions]


def joined(payloads: Iterable[Json]) -> dict[str, Any]:
    """What deliveries amount to: of each message the content of the greatest rank, all persons, all addresses."""
    contents: dict[MessageKey, Content] = {}
    hidden: dict[MessageKey, Any] = {}
    emails: dict[str, frozenset[str]] = {}
    persons: frozenset[str] = frozenset()
    for payload in payloads:
        delivery = normalise(intercom_record(payload), TOLERANCE)
        for fact in delivery.messages:
            assert fact.content
            assert fact.state
            if fact.key not in contents or fact.content.rank > contents[fact.key].rank:
                contents[fact.key] = fact.content
            assert hidden.setdefault(fact.key, fact.state.hidden) == fact.state.hidden
        for thread in delivery.threads:
            persons |= thread.persons
        for person in delivery.persons:
            emails[person.key.person_id] = emails.get(person.key.person_id, frozenset()) | person.emails
    return {"contents": contents, "hidden": hidden, "emails": emails, "persons": persons}


@unhurried
@given(chats, happenings, st.randoms(use_true_random=False))
def test_webhooks_in_any_order_tell_what_the_conversation_tells(chat: Chat, told: Any, shuffler: Any) -> None:
    steps = steps_of(told)
    one_by_one = webhooks(chat, steps)
    shuffler.shuffle(one_by_one)
    assert joined(one_by_one) == joined([chat.rest(steps)])


@unhurried
@given(chats, happenings)
def test_both_apis_tell_the_same_of_messages(chat: Chat, told: Any) -> None:
    """But for the authors' addresses and names, of which 1.x tells fewer, and the contacts', of which it tells more."""

    def essence(payloads: Iterable[Json]) -> Any:
        facts = joined(payloads)
        said = {
            key: (content.direction, content.message.sent_at, content.message.text, content.message.subject)
            for key, content in facts["contents"].items()
        }
        return said, facts["hidden"], facts["persons"]

    steps = steps_of(told)
    old = Chat(**{**vars(chat), "api": 1})
    assert essence(webhooks(old, steps)) == essence(webhooks(chat, steps))


@unhurried
@given(happenings)
def test_the_newest_state_is_the_conversations(told: Any) -> None:
    chat, steps = Chat(), steps_of([(kind, after, body, None) for kind, after, body, _ in told])
    threads = [normalise(intercom_record(each), TOLERANCE).threads[0] for each in webhooks(chat, steps)]
    (whole,) = normalise(intercom_record(chat.rest(steps)), TOLERANCE).threads
    newest = max(threads, key=lambda thread: thread.version)
    assert (newest.version, newest.state) == (whole.version, whole.state)
