"""Small records that make many stored messages somebody's: no partition waits for ever for what is too much at once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pymongo.errors import BulkWriteError

from consumers.conversations import ConversationHandler
from consumers.intercom.normalise import normalise
from consumers.runtime.outcomes import InvalidRecord, Record
from consumers.runtime.work import handle_halving
from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from schemas.topics import INTERCOM_EVENTS
from service.contacts.context import Caller
from service.conversations import write
from service.errors import RefusedDocumentError
from service.mongo.errors import in_core_words
from service.mongo.store import MongoStore
from tests.support.events import MORNING

TENANT = "tenant-of-growth"
MESSAGES = 4


def conversation(person: str) -> dict[str, Any]:
    """Of somebody whose address is not told."""
    author = {"type": "contact", "id": person}
    parts = [
        {"id": f"{person}-{n}", "part_type": "comment", "body": "Hi", "created_at": 1_734_537_511 + n, "author": author}
        for n in range(MESSAGES)
    ]
    told = {"type": "conversation", "id": f"of-{person}", "contacts": {"contacts": [author]}}
    return {"conversation": told | {"conversation_parts": {"conversation_parts": parts}}}


def contact(person: str) -> dict[str, Any]:
    """Its address."""
    item = {"type": "contact", "id": person, "email": f"{person}@example.com"}
    return {"notification": {"type": "notification_event", "topic": "contact.created", "data": {"item": item}}}


class Consumer:
    """As the runtime handles a batch."""

    def __init__(self, store: MongoStore) -> None:
        self._core = build_core(store)
        ingest = self._core.ingest_conversations
        self._handler = ConversationHandler("intercom", INTERCOM_EVENTS, normalise, ingest, timedelta(hours=1))
        self._offset = 0

    async def __call__(self, said: Sequence[dict[str, Any]]) -> list[InvalidRecord]:
        values = [orjson.dumps({"tenant_id": TENANT, **one}) for one in said]
        first, self._offset = self._offset, self._offset + len(values)
        records = [Record(INTERCOM_EVENTS, 0, first + n, None, value, MORNING) for n, value in enumerate(values)]
        return await handle_halving(self._handler.handle, self._core.count_dead, records)


async def messages_of(store: MongoStore, person: str) -> int:
    whose = {"tenant_id": TENANT, "address": f"{person}@example.com", "contact_id": {"$exists": True}}
    return await store.database["conversation_rows"].count_documents(whose)


async def test_what_is_too_much_together_is_stored_apart_and_what_is_too_much_alone_is_a_dead_letter(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "MAX_ROWS", MESSAGES + 1)
    core, consume = build_core(store), Consumer(store)
    people = ["ada", "bob", "eve"]
    for person in people:
        await core.use_cases.create_contact(Caller(TENANT, "k", None), CreateContact(email=f"{person}@example.com"))
        assert await consume([conversation(person)]) == []
    twice = conversation("eve")
    twice["conversation"]["id"] = "of-eve-2"
    assert await consume([twice]) == []

    [refused] = await consume([contact(one) for one in people])

    assert b'"eve"' in (refused.record.value or b"")
    assert (refused.error_class, refused.tenant_id) == ("TooMuchAtOnceError", TENANT)
    assert refused.reason == f"conversation: more than {MESSAGES + 1} messages would get somebody more at once"
    assert [await messages_of(store, one) for one in people] == [MESSAGES, MESSAGES, 0]


def test_a_transaction_that_no_cache_holds_is_refused_and_ends_no_process() -> None:
    error = BulkWriteError({"writeErrors": [{"index": 0, "code": 388}], "writeConcernErrors": []})
    assert isinstance(in_core_words(error), RefusedDocumentError)
