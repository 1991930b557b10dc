"""The repositories that a transaction works on, all bound to one session (or to none)."""

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from service.mongo.contacts import MongoContacts
from service.mongo.documents import Document
from service.mongo.events import MongoEvents
from service.mongo.identities import MongoIdentities
from service.mongo.outbox import MongoOutbox
from service.mongo.profiles import MongoProfiles


class MongoRepositories:
    """Implements `service.ports.Repositories`."""

    def __init__(
        self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None = None
    ) -> None:
        self.contacts = MongoContacts(database, session)
        self.identities = MongoIdentities(database, session)
        self.events = MongoEvents(database, session)
        self.profiles = MongoProfiles(database, session)
        self.outbox = MongoOutbox(database, session)
