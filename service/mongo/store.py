"""The store over MongoDB. Nothing connects before `open_store`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern

from service.errors import StoreUnavailableError
from service.mongo.api_keys import MongoApiKeys
from service.mongo.client import make_client
from service.mongo.contact_details import MongoContactDetails
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.feed import MongoFeedHistory, MongoRebuilds
from service.mongo.leases import MongoLeases
from service.mongo.profile_rebuilds import MongoProfileRebuilds
from service.mongo.redrives import MongoRedrives
from service.mongo.repositories import MongoRepositories
from service.mongo.session import MongoSession
from service.mongo.traces import MongoTraces
from service.mongo.untold import MongoUntold
from service.mongo.webhook_secrets import MongoWebhookSecrets
from service.settings import MongoSettings

_PING_SECONDS = 2.0


class MongoStore(MongoRepositories):
    """Implements `service.ports.Store`."""

    def __init__(
        self, client: AsyncIOMotorClient[Document], database: AsyncIOMotorDatabase[Document], deadline_seconds: float
    ) -> None:
        super().__init__(database)
        self.contact_details = MongoContactDetails(database)
        self.leases = MongoLeases(database)
        self.feed_history = MongoFeedHistory(database)
        self.rebuilds = MongoRebuilds(database)
        self.api_keys = MongoApiKeys(database)
        self.webhook_secrets = MongoWebhookSecrets(database)
        self.redrives = MongoRedrives(database)
        self.traces = MongoTraces(database)
        self.untold = MongoUntold(database)
        self.profile_rebuilds = MongoProfileRebuilds(database)
        self.known_usable = False
        self._client = client
        self._deadline_seconds = deadline_seconds

    @asynccontextmanager
    async def session(self) -> AsyncIterator[MongoSession]:
        # Neither beginning nor ending talks to the server, but to abort; Motor would send them to a thread and back.
        delegate = self._client.delegate.start_session(causal_consistency=True)
        driver_session = self._client.wrap(delegate)
        try:
            yield MongoSession(self, driver_session, self._deadline_seconds)
        finally:
            if delegate.in_transaction:
                await driver_session.end_session()
            else:
                delegate.end_session()

    async def ping(self) -> None:
        try:
            async with asyncio.timeout(_PING_SECONDS):
                with translated():
                    answer = await self._client.admin.command("hello")
        except TimeoutError:
            raise StoreUnavailableError from None
        if not answer.get("isWritablePrimary"):
            raise StoreUnavailableError


def connect(settings: MongoSettings, *, patient: bool = False) -> AsyncIOMotorClient[Document]:
    """A client; it connects at its first use. A patient one waits for an answer as long as it takes: building an index
    of what is stored already may take minutes. Raises SetupError where the settings cannot be used."""
    longest = None if patient else max(10_000, 2 * settings.mongo_timeout_ms)
    return make_client(settings, longest)


@asynccontextmanager
async def open_store(settings: MongoSettings, *, patient: bool = False) -> AsyncIterator[MongoStore]:
    """The store, closed at the end. Connects at the first use; see `connect` for `patient`."""
    client = connect(settings, patient=patient)
    try:
        yield MongoStore(client, database_of(client, settings), settings.transaction_deadline_ms / 1000)
    finally:
        client.close()


def database_of(client: AsyncIOMotorClient[Document], settings: MongoSettings) -> AsyncIOMotorDatabase[Document]:
    """The service's database: whatever is read from it or written to it by any repository is so as this says."""
    return client.get_database(
        settings.mongo_database,
        codec_options=CodecOptions(tz_aware=True),
        read_concern=ReadConcern("majority"),
        write_concern=WriteConcern(w="majority", j=True),
    )
