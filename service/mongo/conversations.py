"""The collections of conversations: `messages`, `conversation_rows` and `conversation_threads` (see the model).

`messages` hold contents, once. `conversation_rows` and `conversation_threads` are small, and all that is looked for is
in their indexes: the newest threads of a contact, and the newest shown rows of a contact's thread.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel

from schemas.events import Source
from service.chunks import chunks
from service.conversations.incoming import MessageKey
from service.conversations.model import Direction, ShownMessage, Thread
from service.mongo.conversation_documents import message_key, message_of, thread_of
from service.mongo.documents import Document
from service.mongo.errors import translated

THREAD_INDEXES = [
    IndexModel(
        [("tenant_id", 1), ("contact_id", 1), (f"{figures}.last_message_at", 1), ("_id", 1)],
        partialFilterExpression={f"{figures}.last_message_at": {"$exists": True}},
    )
    for figures in ("shown", "mailbox")
]
_PORTION = 500
_CONTENTS_AT_ONCE = 5
"""A mail may be megabytes."""


class MongoConversations:
    """Implements `service.conversations.ports.Conversations`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._threads = database["conversation_threads"]
        self._rows = database["conversation_rows"]
        self._messages = database["messages"]
        self._source_threads = database["source_threads"]
        self._session = session

    async def threads(self, tenant_id: str, contact_id: str, limit: int) -> list[Thread]:
        newest = self._newest(tenant_id, contact_id, "shown", limit)
        return await self._with_states(tenant_id, [thread async for portion in newest for thread in portion])

    def email_threads(self, tenant_id: str, contact_id: str, limit: int | None) -> AsyncIterator[list[Thread]]:
        return self._newest(tenant_id, contact_id, "mailbox", limit)

    async def messages(self, thread: Thread, newest: int) -> AsyncIterator[list[ShownMessage]]:
        rows = await self._newest_rows(thread, newest)
        for some in chunks(rows, _CONTENTS_AT_ONCE):
            # Of rows that were just read their messages may be gone, and an empty portion would be the last.
            if shown := await self._with_contents(thread, some):
                yield shown

    async def _with_states(self, tenant_id: str, threads: list[Thread]) -> list[Thread]:
        """What the source says of each conversation, which is one for all contacts in it."""
        ids = [thread.key.conversation_id for thread in threads if thread.key.source is Source.INTERCOM]
        if not ids:
            return threads
        criteria = {"_id": {"$in": ids}, "tenant_id": tenant_id}
        with translated():
            found = await self._source_threads.find(criteria, {"state": 1}, session=self._session).to_list(None)
        states = {document["_id"]: document["state"] for document in found}
        return [replace(thread, state=states.get(thread.key.conversation_id)) for thread in threads]

    async def _newest(
        self, tenant_id: str, contact_id: str, figures: str, limit: int | None
    ) -> AsyncIterator[list[Thread]]:
        criteria, sort = newest_threads(tenant_id, contact_id, figures)
        with translated():
            cursor = self._threads.find(criteria, session=self._session, batch_size=_PORTION).sort(sort)
            if limit is not None:
                cursor = cursor.limit(limit)
            while portion := await cursor.to_list(_PORTION):
                yield [thread_of(document) for document in portion]

    async def _newest_rows(self, thread: Thread, newest: int) -> list[Document]:
        """Oldest first. Rows are small, and `newest` at most 100."""
        criteria, sort = newest_rows(thread)
        with translated():
            cursor = self._rows.find(criteria, {"message_id": 1, "direction": 1}, session=self._session)
            return (await cursor.sort(sort).limit(newest).to_list(None))[::-1]

    async def _with_contents(self, thread: Thread, rows: Sequence[Document]) -> list[ShownMessage]:
        key = thread.key
        keys = [message_key(MessageKey(key.tenant_id, key.source, key.account, row["message_id"])) for row in rows]
        with translated():
            cursor = self._messages.find({"_id": {"$in": keys}}, session=self._session)
            found = {document["message_id"]: message_of(document) for document in await cursor.to_list(None)}
        return [
            ShownMessage(Direction(row["direction"]), found[row["message_id"]])
            for row in rows
            if row["message_id"] in found
        ]


def newest_threads(tenant_id: str, contact_id: str, figures: str) -> tuple[Document, list[tuple[str, int]]]:
    """Criteria and sort; `figures` are `shown` or `mailbox`."""
    newest = f"{figures}.last_message_at"
    criteria = {"tenant_id": tenant_id, "contact_id": contact_id, newest: {"$exists": True}}
    return criteria, [(newest, -1), ("_id", -1)]


def newest_rows(thread: Thread) -> tuple[Document, list[tuple[str, int]]]:
    """Criteria and sort."""
    key = thread.key
    criteria = {
        "tenant_id": key.tenant_id,
        "contact_id": thread.contact_id,
        "conversation_id": key.conversation_id,
        "shown": True,
    }
    return criteria, [("sent_at", -1), ("message_id", -1)]
