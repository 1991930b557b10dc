"""What becomes of Intercom's notifications and conversations, one by one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import InvalidRecordError, Record
from service.conversations.incoming import Delivery, MessageFact
from service.conversations.model import Message
from tests.support.intercom import (
    BEGAN,
    RECEIVED,
    Chat,
    Json,
    Step,
    intercom_record,
)

TOLERANCE = timedelta(hours=1)
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
