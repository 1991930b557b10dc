"""The collection `thread_parts`: large threads of contacts in parts (`service.conversations.parts`)."""

from collections.abc import Mapping, Set

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import DeleteOne, ReplaceOne

from service.conversations.figures import Summary
from service.conversations.model import Direction
from service.conversations.parts import Part, Parts
from service.mongo.bulk_writes import write_all
from service.mongo.conversation_documents import (
    participant_document,
    participant_of,
    thread_id,
    thread_key_document,
    thread_key_of,
)
from service.mongo.documents import Document
from service.mongo.errors import translated


class MongoThreadParts:
    """Implements `service.conversations.ports.ThreadParts`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["thread_parts"]
        self._session = session

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> dict[tuple[str, str], Parts]:
        if not pairs:
            return {}
        criteria = {"_id": {"$in": [thread_id(*pair) for pair in pairs]}, "tenant_id": tenant_id}
        with translated():
            found = await self._collection.find(criteria, session=self._session).to_list(None)
        return {(one["_id"]["contact_id"], one["conversation_id"]): _parts_of(one) for one in found}

    async def write(self, tenant_id: str, parts: Mapping[tuple[str, str], Parts]) -> None:
        writes: list[ReplaceOne[Document] | DeleteOne] = []
        for pair, one in sorted(parts.items()):
            key = {"_id": thread_id(*pair), "tenant_id": tenant_id}
            writes.append(ReplaceOne(key, _parts_document(pair, one), upsert=True) if one.of else DeleteOne(key))
        await write_all(self._collection, writes, self._session)


def _parts_document(pair: tuple[str, str], parts: Parts) -> Document:
    of = {
        str(number): {"shown": _summary_document(part.shown), "mailbox": _summary_document(part.mailbox)}
        for number, part in parts.of.items()
    }
    return {"_id": thread_id(*pair), **thread_key_document(parts.key), "of": of}


def _parts_of(document: Document) -> Parts:
    of = {
        int(number): Part(_summary_of(part["shown"]), _summary_of(part["mailbox"]))
        for number, part in document["of"].items()
    }
    return Parts(thread_key_of(document), of)


def _summary_document(summary: Summary | None) -> Document | None:
    if summary is None:
        return None
    return {
        "count": summary.count,
        "first": list(summary.first),
        "last": list(summary.last),
        "last_direction": summary.last_direction.value,
        "snippet": summary.snippet,
        "subject": [*summary.subject[0], summary.subject[1]] if summary.subject else None,
        "participants": [[*place, number, participant_document(one)] for place, number, one in summary.participants],
    }


def _summary_of(document: Document | None) -> Summary | None:
    if document is None:
        return None
    first, last, subject = document["first"], document["last"], document["subject"]
    return Summary(
        count=document["count"],
        first=(first[0], first[1]),
        last=(last[0], last[1]),
        last_direction=Direction(document["last_direction"]),
        snippet=document["snippet"],
        subject=((subject[0], subject[1]), subject[2]) if subject else None,
        participants=tuple(
            ((at, message_id), number, participant_of(one)) for at, message_id, number, one in document["participants"]
        ),
    )
