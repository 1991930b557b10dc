"""The repositories that a transaction works on, all bound to one session (or to none)."""

from collections.abc import Callable
from copy import copy
from typing import Any, Generic, TypeVar

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

R = TypeVar("R")


class _Lazy(Generic[R]):
    """A repository that is made when it is first asked for: a request has a session of its own, and works on few.

    A session's is the store's, copied and bound to the session: making Motor's collections anew, for each request, was
    a twentieth of the time that a creation took in the API.
    """

    def __init__(self, make: Callable[[AsyncIOMotorDatabase[Document], None], R]) -> None:
        self._make = make

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, repositories: "MongoRepositories", _: Any = None) -> R:
        if repositories.unbound is None:
            repository = self._make(repositories.database, None)
        else:
            repository = copy(getattr(repositories.unbound, self._name))
            repository._session = repositories.driver  # noqa: SLF001 - they are one package
        repositories.__dict__[self._name] = repository  # found there from now on
        return repository


class MongoRepositories:
    """Implements `service.ports.Repositories`."""

    contacts = _Lazy(MongoContacts)
    contact_list = _Lazy(MongoContactList)
    identities = _Lazy(MongoIdentities)
    events = _Lazy(MongoEvents)
    event_lists = _Lazy(MongoEventLists)
    conversations = _Lazy(MongoConversations)
    messages = _Lazy(MongoMessages)
    source_threads = _Lazy(MongoSourceThreads)
    rows = _Lazy(MongoRows)
    contact_threads = _Lazy(MongoContactThreads)
    thread_parts = _Lazy(MongoThreadParts)
    profiles = _Lazy(MongoProfiles)
    profile_records = _Lazy(MongoProfileRecords)
    ledger = _Lazy(MongoLedger)
    outbox = _Lazy(MongoOutbox)
    notes = _Lazy(MongoNotes)
    actions = _Lazy(MongoActions)
    answers = _Lazy(MongoAnswers)
    imports = _Lazy(MongoImports)
    marks = _Lazy(MongoMarks)
    erasures = _Lazy(MongoErasures)
    remains = _Lazy(MongoRemains)
    shared_remains = _Lazy(MongoSharedRemains)

    def __init__(
        self,
        database: AsyncIOMotorDatabase[Document],
        driver: AsyncIOMotorClientSession | None = None,
        unbound: "MongoRepositories | None" = None,
    ) -> None:
        """`unbound` are the same over no session, for a session's."""
        self.database = database
        self.driver = driver
        self.unbound = unbound
