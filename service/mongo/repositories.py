"""The repositories that a transaction works on, all bound to one session (or to none)."""

from functools import cached_property

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
    """Implements `service.ports.Repositories`.

    Each is made when it is first asked for: a request has a session of its own, and works on few of them.
    """

    def __init__(
        self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None = None
    ) -> None:
        self.database = database
        self._session = session

    @cached_property
    def contacts(self) -> MongoContacts:
        return MongoContacts(self.database, self._session)

    @cached_property
    def contact_list(self) -> MongoContactList:
        return MongoContactList(self.database, self._session)

    @cached_property
    def identities(self) -> MongoIdentities:
        return MongoIdentities(self.database, self._session)

    @cached_property
    def events(self) -> MongoEvents:
        return MongoEvents(self.database, self._session)

    @cached_property
    def event_lists(self) -> MongoEventLists:
        return MongoEventLists(self.database, self._session)

    @cached_property
    def conversations(self) -> MongoConversations:
        return MongoConversations(self.database, self._session)

    @cached_property
    def messages(self) -> MongoMessages:
        return MongoMessages(self.database, self._session)

    @cached_property
    def source_threads(self) -> MongoSourceThreads:
        return MongoSourceThreads(self.database, self._session)

    @cached_property
    def rows(self) -> MongoRows:
        return MongoRows(self.database, self._session)

    @cached_property
    def contact_threads(self) -> MongoContactThreads:
        return MongoContactThreads(self.database, self._session)

    @cached_property
    def thread_parts(self) -> MongoThreadParts:
        return MongoThreadParts(self.database, self._session)

    @cached_property
    def profiles(self) -> MongoProfiles:
        return MongoProfiles(self.database, self._session)

    @cached_property
    def profile_records(self) -> MongoProfileRecords:
        return MongoProfileRecords(self.database, self._session)

    @cached_property
    def ledger(self) -> MongoLedger:
        return MongoLedger(self.database, self._session)

    @cached_property
    def outbox(self) -> MongoOutbox:
        return MongoOutbox(self.database, self._session)

    @cached_property
    def notes(self) -> MongoNotes:
        return MongoNotes(self.database, self._session)

    @cached_property
    def actions(self) -> MongoActions:
        return MongoActions(self.database, self._session)

    @cached_property
    def answers(self) -> MongoAnswers:
        return MongoAnswers(self.database, self._session)

    @cached_property
    def imports(self) -> MongoImports:
        return MongoImports(self.database, self._session)

    @cached_property
    def marks(self) -> MongoMarks:
        return MongoMarks(self.database, self._session)

    @cached_property
    def erasures(self) -> MongoErasures:
        return MongoErasures(self.database, self._session)

    @cached_property
    def remains(self) -> MongoRemains:
        return MongoRemains(self.database, self._session)

    @cached_property
    def shared_remains(self) -> MongoSharedRemains:
        return MongoSharedRemains(self.database, self._session)
