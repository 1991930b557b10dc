"""Sessions and transactions."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from motor.motor_asyncio import AsyncIOMotorClientSession
from pymongo import WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from service.errors import StoreUnavailableError
from service.mongo.errors import TransientTransactionError, in_core_words
from service.mongo.repositories import MongoRepositories

T = TypeVar("T")

_DURABLE = WriteConcern(w="majority", j=True)
_SNAPSHOT = ReadConcern("snapshot")
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.005, 0.25


class MongoSession(MongoRepositories):
    """Implements `service.ports.Session` over one causally consistent driver session."""

    def __init__(self, store: MongoRepositories, driver: AsyncIOMotorClientSession, deadline_seconds: float) -> None:
        super().__init__(store.database, driver, store)
        self.driver: AsyncIOMotorClientSession = driver
        self._deadline_seconds = deadline_seconds

    async def transaction(self, work: Callable[[], Awaitable[T]]) -> T:
        """See `service.ports.Session.transaction`."""
        deadline = time.monotonic() + self._deadline_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._attempt(work, deadline)
            except TransientTransactionError as transient:
                if time.monotonic() + pause > deadline:
                    raise transient.final from transient
            # Full jitter: writers that collided once must not collide again in step.
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - no secret
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _attempt(self, work: Callable[[], Awaitable[T]], deadline: float) -> T:
        session = self.driver
        session.start_transaction(read_concern=_SNAPSHOT, write_concern=_DURABLE)
        try:
            result = await work()
        except BaseException:
            await self._abort()
            raise
        await self._commit(deadline)
        return result

    async def _abort(self) -> None:
        try:
            await self.driver.abort_transaction()
        except PyMongoError:
            # The server drops it by itself; what made us abort is what matters.
            return

    async def _commit(self, deadline: float) -> None:
        while True:
            try:
                await self.driver.commit_transaction()
            except PyMongoError as error:
                # Whether it committed is unknown: asking again is safe, the server answers for the same transaction.
                if error.has_error_label("UnknownTransactionCommitResult"):
                    if time.monotonic() > deadline:
                        raise StoreUnavailableError from error
                    await asyncio.sleep(_FIRST_PAUSE_SECONDS)
                    continue
                raise in_core_words(error) from error
            return
