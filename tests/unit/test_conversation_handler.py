"""How much of conversations is stored at once: what no transaction could hold in time is cut, and nothing is lost."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumers.conversations import MAX_WRITES, ConversationHandler
from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.intercom.parts import MAX_PARTS
from consumers.runtime.outcomes import InvalidRecordError, Record
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS
from service.conversations.incoming import Delivery
from service.ledger.model import Outcome, Receipt

NOW = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Calls:
    """Notes the offsets of each transaction: of deliveries, and of dead records."""

    def __init__(self) -> None:
        self.seen: list[tuple[list[int], list[int]]] = []

    async def __call__(self, deliveries: Sequence[Delivery], dead: Sequence[Receipt]) -> list[Outcome]:
        self.seen.append(([one.receipt.offset for one in deliveries], [one.offset for one in dead]))
        return [Outcome.STORED] * len(deliveries)


def record(topic: str, offset: int, **fields: Any) -> Record:
    return Record(topic, 0, offset, b"k", json.dumps({"tenant_id": "t", **fields}).encode(), NOW)


def conversation(offset: int, parts: int, people: int = 1) -> Record:
    comments = [{"id": str(n), "part_type": "comment", "body": "x", "created_at": 1_767_000_000} for n in range(parts)]
    contacts = [{"type": "contact", "id": f"p{n}"} for n in range(people)]
    told = {"id": f"c{offset}", "conversation_parts": comments, "contacts": contacts}
    return record(INTERCOM_EVENTS, offset, conversation=told)


def mail(offset: int, people: int) -> Record:
    headers = [{"name": "To", "value": ",".join(f"p{n}@example.com" for n in range(people))}]
    message = {"id": f"m{offset}", "payload": {"headers": headers}}
    return record(GMAIL_MESSAGES, offset, mailbox="rep@ours.example", kind="message", message=message)


async def test_conversations_of_many_parts_take_several_transactions() -> None:
    calls = Calls()
    handler = ConversationHandler("intercom", INTERCOM_EVENTS, normalise_intercom, calls, HOUR)
    poison = record(INTERCOM_EVENTS, 3)
    records = [*(conversation(n, 600) for n in range(3)), poison, *(conversation(n, 600) for n in range(4, 7))]
    invalid = await handler.handle(records)
    assert [one.record.offset for one in invalid] == [3]
    assert calls.seen == [([0, 1], []), ([2, 4], [3]), ([5, 6], [])]
    assert 2 * 2 * 600 <= MAX_WRITES < 3 * 2 * 600


async def test_mails_to_many_people_take_several_transactions_and_others_one() -> None:
    calls = Calls()
    handler = ConversationHandler("gmail", GMAIL_MESSAGES, normalise_gmail, calls, HOUR)
    assert await handler.handle([mail(n, 2) for n in range(1000)]) == []
    assert await handler.handle([mail(n, 400) for n in range(10)]) == []
    assert [len(stored) for stored, _ in calls.seen] == [1000, 7, 3]


async def test_what_belongs_to_many_people_is_written_for_each() -> None:
    calls = Calls()
    handler = ConversationHandler("intercom", INTERCOM_EVENTS, normalise_intercom, calls, HOUR)
    records = [conversation(0, 100, 20), conversation(1, 100, 20), conversation(2, 500, 18), conversation(3, 500, 20)]
    invalid = await handler.handle(records)
    assert [(one.record.offset, one.reason, one.tenant_id) for one in invalid] == [
        (3, "conversation: too many messages and people", "t")
    ]
    assert [stored for stored, _ in calls.seen] == [[0], [1], [2]]


def test_a_conversation_that_no_transaction_could_hold_is_refused() -> None:
    assert len(normalise_intercom(conversation(0, MAX_PARTS), HOUR).messages) == MAX_PARTS
    with pytest.raises(InvalidRecordError, match="conversation: more than 1000 parts"):
        normalise_intercom(conversation(0, MAX_PARTS + 1), HOUR)
