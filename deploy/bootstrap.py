"""The composition root: the one place that builds objects and ties them together. Nothing connects at import."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from service.access.keys import AccessKeys
from service.actions.execute import ActionExecutor
from service.actions.read import ActionReader
from service.api.app_keys import UseCases
from service.api.errors import answer_of
from service.clock import Clock, system_clock
from service.contacts.associate import VisitorAssociator
from service.contacts.batch import BatchReader
from service.contacts.create import ContactCreator
from service.contacts.delete import ContactDeleter
from service.contacts.edit import ContactEditor
from service.contacts.identify import ContactIdentifier
from service.contacts.list import ContactLister
from service.contacts.locks import ContactLocks
from service.contacts.read import ContactReader
from service.contacts.upsert import ContactUpserter
from service.conversations.ingest import ConversationIngest
from service.conversations.read import ConversationReader
from service.erasure.begin import ErasureBeginner
from service.erasure.erase import Eraser
from service.erasure.guard import NOBODY_ERASED, ErasureGuard
from service.erasure.marks import Marker
from service.errors import StoreRefusedError, StoreUnavailableError
from service.export.walk import Exporter
from service.idempotency.answers import RememberedAnswers
from service.identity.linking import Linker
from service.imports.run import ContactImporter
from service.intake.intercom import IntercomIntake
from service.intake.ports import InboundPublisher, NoPublisher
from service.intake.track import TrackIntake
from service.ledger.dead import DeadLetterCounter
from service.mongo.store import MongoStore, open_store
from service.mongo.usable import check_usable
from service.notes.read import NoteReader
from service.notes.write import NoteWriter
from service.profile.rebuild import ProfileRebuilder
from service.settings import MongoSettings
from service.timeline.ingest import Ingest
from service.timeline.list import EventLister

_LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """The service's core over one store: the same for the HTTP door and for the Kafka doors."""

    store: MongoStore
    linker: Linker
    use_cases: UseCases
    ingest: Ingest
    ingest_conversations: ConversationIngest
    count_dead: DeadLetterCounter
    rebuild_profiles: ProfileRebuilder
    import_contacts: ContactImporter
    export: Exporter
    guard: ErasureGuard
    begin_erasure: ErasureBeginner
    erase: Eraser

    async def sweep_erasures(self) -> None:
        """Go on with erasures. Raises ErasureSecretError in a process that could not keep erased persons out."""
        await self.guard.check(self.store)
        await self.erase.sweep()


def build_core(
    store: MongoStore,
    clock: Clock = system_clock,
    publisher: InboundPublisher | None = None,
    guard: ErasureGuard = NOBODY_ERASED,
) -> Core:
    """Every use-case over `store`; `publisher` is for a process with doors for sources, `guard` keeps erased persons
    out."""
    inbound = publisher or NoPublisher()
    linker, locks = Linker(store, clock, guard), ContactLocks()
    create = ContactCreator(store, linker, clock, guard)
    edit = ContactEditor(store, linker, locks, clock, guard)
    upsert = ContactUpserter(store, linker, clock, guard)
    begin = ErasureBeginner(store, locks, guard, clock)
    use_cases = UseCases(
        access_keys=AccessKeys(store, clock),
        answers=RememberedAnswers(store),
        create_contact=create,
        edit_contact=edit,
        delete_contact=ContactDeleter(store, locks, clock),
        begin_erasure=begin,
        identify=ContactIdentifier(store, create, edit),
        notes=NoteReader(store),
        write_notes=NoteWriter(store, locks, clock),
        actions=ActionReader(store),
        execute_action=ActionExecutor(edit, clock),
        contacts=ContactReader(store),
        list_contacts=ContactLister(store),
        batch=BatchReader(store),
        events=EventLister(store),
        conversations=ConversationReader(store),
        track=TrackIntake(inbound),
        intercom=IntercomIntake(store, inbound),
    )
    ingest = Ingest(store, linker, VisitorAssociator(edit), guard)
    return Core(
        store,
        linker,
        use_cases,
        ingest,
        ConversationIngest(store, linker, guard),
        DeadLetterCounter(store),
        ProfileRebuilder(store),
        ContactImporter(store, upsert, clock, lambda error: answer_of(error).sentence),
        Exporter(store),
        guard,
        begin,
        Eraser(store, guard, clock),
    )


def guard_of(settings: MongoSettings) -> ErasureGuard:
    """Keeps erased persons out, if there is a secret."""
    secret = settings.erasure_secret.get_secret_value()
    return ErasureGuard(Marker(secret)) if secret else NOBODY_ERASED


@asynccontextmanager
async def open_core(settings: MongoSettings, publisher: InboundPublisher | None = None) -> AsyncIterator[Core]:
    """The core over MongoDB, closed at the end. Raises SetupError or StoreRefusedError where it cannot be used as it
    is; with MongoDB away it is there all the same (see `until_usable`)."""
    async with open_store(settings) as store:
        if not await _usable(store):
            _log.warning("mongodb_away_at_start")
        yield build_core(store, publisher=publisher, guard=guard_of(settings))


async def until_usable(store: MongoStore, stop: asyncio.Event) -> None:
    """Wait until MongoDB has been there once and was found to be usable, or until `stop`. Raises as `open_core`."""
    while not store.known_usable and not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_SECONDS)
        await _usable(store)


async def _usable(store: MongoStore) -> bool:
    """False with MongoDB away; raises where it is there and must not be used."""
    try:
        await check_usable(store)
    except StoreRefusedError:
        raise
    except StoreUnavailableError:
        return False
    return True
