"""The composition root: the one place that builds objects and ties them together. Nothing connects at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.access.keys import AccessKeys
from service.api.keys import UseCases
from service.clock import Clock, system_clock
from service.contacts.associate import VisitorAssociator
from service.contacts.create import ContactCreator
from service.contacts.read import ContactReader
from service.identity.linking import Linker
from service.mongo.store import MongoStore, open_store
from service.settings import MongoSettings
from service.timeline.ingest import Ingest


@dataclass(frozen=True, slots=True)
class Core:
    """The service's core over one store: the same for the HTTP door and for the Kafka doors."""

    store: MongoStore
    linker: Linker
    use_cases: UseCases
    ingest: Ingest


def build_core(store: MongoStore, clock: Clock = system_clock) -> Core:
    """Every use-case over `store`."""
    linker = Linker(store, clock)
    use_cases = UseCases(
        access_keys=AccessKeys(store, clock),
        create_contact=ContactCreator(store, linker, clock),
        contacts=ContactReader(store),
    )
    return Core(store, linker, use_cases, Ingest(store, linker, VisitorAssociator(linker, clock)))


@asynccontextmanager
async def open_core(settings: MongoSettings, clock: Clock = system_clock) -> AsyncIterator[Core]:
    """The core over MongoDB, closed at the end."""
    async with open_store(settings) as store:
        yield build_core(store, clock)
