"""The collection `answers`: what is given again to a request with the same `Idempotency-Key`."""

from datetime import UTC, datetime

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel

from service.errors import AnswerExistsError, DuplicateKeyError
from service.idempotency.model import RETENTION_SECONDS, Answer, KeptAnswer, OnceKey
from service.mongo.documents import Document
from service.mongo.errors import translated

INDEXES = [IndexModel([("kept_at", 1)], name="retention", expireAfterSeconds=RETENTION_SECONDS)]


class MongoAnswers:
    """Implements `service.idempotency.ports.Answers`. An API key is of one tenant, and so is an answer's `_id`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._collection = database["answers"]
        self._session = session

    async def keep(self, key: OnceKey, answer: Answer) -> None:
        document = {
            "_id": _id(key),
            "fingerprint": key.fingerprint,
            "status": answer.status,
            "body": answer.body,
            "headers": dict(answer.headers),
            # MongoDB's TTL monitor compares with its own clock; this one need not be the transaction's.
            "kept_at": datetime.now(UTC),
        }
        try:
            with translated():
                await self._collection.insert_one(document, session=self._session)
        except DuplicateKeyError:
            raise AnswerExistsError from None

    async def get(self, key: OnceKey) -> KeptAnswer | None:
        with translated():
            found = await self._collection.find_one({"_id": _id(key)}, session=self._session)
        if found is None:
            return None
        return KeptAnswer(found["fingerprint"], Answer(found["status"], found["body"], found["headers"]))


def _id(key: OnceKey) -> Document:
    return {"key_id": key.key_id, "route": key.route, "key": key.key}
