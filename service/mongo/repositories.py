"""The repositories that a transaction works on, all bound to one session (or to none)."""

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from service.mongo.actions import MongoActions
from service.mongo.answers import MongoAnswers
from service.mongo.contact_list import MongoContactList
from service.mongo.contact_threads import MongoContactThreads
from service.mongo.contacts import MongoContacts
from service.mongo.conversation_rows import MongoRows
from service.mongo.conversations import MongoConversations
from service.mongo.documents import Document
from service.mongo.erasures import MongoErasures, MongoMarks
from service.mongo.event_lists import MongoEventLists
from service.mongo.events import MongoEvents
from service.mongo.identities import MongoIdentities
from service.mongo.imports import MongoImports
from service.mongo.ledger import MongoLedger
from service.mongo.messages import MongoMessages
from service.mongo.notes import MongoNotes
from service.mongo.outbox import MongoOutbox
from service.mongo.profile_records import MongoProfileRecords
from service.mongo.profiles import MongoProfiles
from service.mongo.remains import MongoRemains
from service.mongo.shared_remains import MongoSharedRemains
from service.mongo.source_threads import MongoSourceThreads
from service.mongo.thread_parts import MongoThreadParts


class MongoRepositories:
    """Implements `service.ports.Repositories`."""

    def __init__(
        self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None = None
    ) -> None:
        self.contacts = MongoContacts(database, session)
        self.contact_list = MongoContactList(database, session)
        self.identities = MongoIdentities(database, session)
        self.events = MongoEvents(database, session)
        self.event_lists = MongoEventLists(database, session)
        self.conversations = MongoConversations(database, session)
        self.messages = MongoMessages(database, session)
        self.source_threads = MongoSourceThreads(database, session)
        self.rows = MongoRows(database, session)
        self.contact_threads = MongoContactThreads(database, session)
        self.thread_parts = MongoThreadParts(database, session)
        self.profiles = MongoProfiles(database, session)
        self.profile_records = MongoProfileRecords(database, session)
        self.ledger = MongoLedger(database, session)
        self.outbox = MongoOutbox(database, session)
        self.notes = MongoNotes(database, session)
        self.actions = MongoActions(database, session)
        self.answers = MongoAnswers(database, session)
        self.imports = MongoImports(database, session)
        self.marks = MongoMarks(database, session)
        self.erasures = MongoErasures(database, session)
        self.remains = MongoRemains(database, session)
        self.shared_remains = MongoSharedRemains(database, session)
