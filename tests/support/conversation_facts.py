"""Deliveries of Gmail's and Intercom's kind, generated as facts; see `service.conversations.incoming`.

Few mailboxes, mails, conversations and people, so that most deliveries have to do with each other.
"""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.events import Source
from service.conversations.incoming import (
    Content,
    Delivery,
    Hidden,
    MessageFact,
    MessageKey,
    MessageState,
    PersonFact,
    PersonKey,
    ThreadFact,
    thread_key,
)
from service.conversations.model import Direction, Message, Participant
from service.ledger.model import Receipt
from tests.support.events import MORNING

TENANT = "t"
PEOPLE = ["ada@example.com", "eve@example.com"]
MAILBOXES = ["m1@ours.example", "m2@ours.example"]


def mail(
    mailbox: str,
    number: int,
    copy: int | None,
    who: list[str],
    version: int,
    labels: Hidden | None,
    sent: bool,
    completeness: int,
) -> Delivery:
    """A mail as one fetch of it gives it; the same number is the same mail. `completeness`: 0 tells no content, 1 some
    headers, among which is none that its copies would be known by, 2 all."""
    key = MessageKey(TENANT, Source.GMAIL, mailbox, f"g{number}")
    message = Message(
        TENANT,
        Source.GMAIL,
        mailbox,
        key.message_id,
        MORNING + timedelta(minutes=number),
        sender=Participant(who[0]),
        subject=f"Subject {number}",
        text="text" if completeness > 1 else None,
    )
    thread = thread_key(TENANT, Source.GMAIL, mailbox, f"th{number % 2}")
    known_by = f"copy{copy}" if copy and completeness > 1 else None
    content = Content(message, (completeness, 0), Direction.INBOUND, tuple(who), known_by)
    state = MessageState((version, 0), labels, Direction.OUTBOUND if sent else None)
    return delivery(messages=(MessageFact(key, thread, content if completeness else None, state),))


def delivery(**told: Any) -> Delivery:
    return Delivery(Receipt("topic", 0, 0, TENANT), MORNING, **told)


# A mail's content never changes: its number decides what it is.
MAIL_FACTS = [(None, PEOPLE[:1]), (1, PEOPLE), (1, PEOPLE), (2, PEOPLE[1:])]
mails = st.builds(
    lambda mailbox, number, version, labels, sent, completeness: mail(
        mailbox, number, MAIL_FACTS[number][0], MAIL_FACTS[number][1], version, labels, sent, completeness
    ),
    st.sampled_from(MAILBOXES),
    st.integers(0, 3),
    st.integers(1, 3),
    st.sampled_from([None, None, *Hidden]),
    st.booleans(),
    st.integers(0, 2),
)
mails_deleted = st.builds(
    lambda mailbox, number: delivery(
        messages=(MessageFact(MessageKey(TENANT, Source.GMAIL, mailbox, f"g{number}"), deleted=True),)
    ),
    st.sampled_from(MAILBOXES),
    st.integers(0, 3),
)


def part(
    conversation: str, number: int, version: int, persons: set[str], redacted: bool, internal: bool, state: str
) -> Delivery:
    """A notification of a conversation: one part, and what it says of the conversation."""
    thread = thread_key(TENANT, Source.INTERCOM, conversation, conversation)
    key = MessageKey(TENANT, Source.INTERCOM, conversation, f"p{number}")
    message = Message(
        TENANT,
        Source.INTERCOM,
        conversation,
        key.message_id,
        MORNING + timedelta(minutes=number),
        text="redacted" if redacted else f"version {version}",
    )
    hidden = Hidden.INTERNAL if internal else None
    content = Content(message, (redacted, version), Direction.INBOUND if number % 2 else Direction.OUTBOUND)
    return delivery(
        messages=(MessageFact(key, thread, content, MessageState((version, 0), hidden)),),
        threads=(ThreadFact(thread, version, state, frozenset(persons)),),
    )


PERSONS = ["i1", "i2"]
CONVERSATIONS = ["c1", "c2"]
parts = st.builds(
    part,
    st.sampled_from(CONVERSATIONS),
    st.integers(0, 2),
    st.integers(1, 3),
    st.sets(st.sampled_from(PERSONS)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["open", "closed"]),
)
conversations_deleted = st.builds(
    lambda one: delivery(threads=(ThreadFact(thread_key(TENANT, Source.INTERCOM, one, one), deleted=True),)),
    st.sampled_from(CONVERSATIONS),
)
addresses_learned = st.builds(
    lambda person, email: delivery(
        persons=(PersonFact(PersonKey(TENANT, Source.INTERCOM, person), frozenset({email})),)
    ),
    st.sampled_from(PERSONS),
    st.sampled_from(PEOPLE),
)
deliveries = st.one_of(mails, mails, parts, parts, addresses_learned, mails_deleted, conversations_deleted)
