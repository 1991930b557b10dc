"""Many contacts at once, with their identities and history: the documents that the service would store one by one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motor.motor_asyncio import AsyncIOMotorDatabase

from service.chunks import chunks
from service.contacts.model import Contact
from service.identity.model import Association
from service.mongo.documents import Document, contact_document, event_document, identity_document
from service.mongo.errors import translated
from service.mongo.indexes import create_collections, indexes_of
from service.mongo.store import MongoStore
from service.profile.model import totals_of
from service.timeline.model import TimelineEvent

LOADED = ("contacts", "identities", "events", "profiles", "profile_rows")
"""The collections that are filled."""
_TOGETHER = 8
"""So many indexes are built in one walk over a collection: two walks keep two cores busy."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Contacts, and their events by contact id. `associations` are done: nothing else waits under their identities."""

    tenant_id: str
    contacts: Sequence[Contact]
    associations: Sequence[Association]
    changes: Sequence[TimelineEvent]
    visits: Mapping[str, Sequence[TimelineEvent]]


class MongoBulkLoad:
    """Writes no outbox records, and no marks on events: nobody is told of what is loaded."""

    def __init__(self, store: MongoStore) -> None:
        self._store = store
        self._database: AsyncIOMotorDatabase[Document] = store.database

    async def is_empty(self) -> bool:
        """Whether no tenant has anything in the collections that are filled. Makes them if they are not there."""
        with translated():
            await create_collections(self._database, LOADED)
            found = [await self._database[name].find_one({}, {"_id": 1}) for name in LOADED]
        return not any(found)

    async def drop_indexes(self) -> None:
        """Only for collections that are empty: they serve nobody."""
        for name in LOADED:
            with translated():
                there = await self._database[name].index_information()
                ours = {model.document["name"] for model in indexes_of(name)}
                for index in sorted(ours & set(there)):
                    await self._database[name].drop_index(index)

    async def build_indexes(self) -> int:
        """Those that are missing; how many indexes there are then."""
        batches = [(name, models) for name in LOADED for models in chunks(indexes_of(name), _TOGETHER)]
        with translated():
            made = await asyncio.gather(*(self._database[name].create_indexes(models) for name, models in batches))
        return sum(len(names) for names in made)

    async def has(self, portion: Portion) -> bool:
        """Whether the portion is stored: it is whole or not there."""
        first = portion.contacts[0]
        return await self._store.contacts.get(first.tenant_id, first.contact_id) is not None

    async def store(self, portion: Portion) -> None:
        """In one transaction. Raises DuplicateKeyError if any of it is there already, or an identity is taken."""
        owners = {event.event_id: contact_id for contact_id, events in portion.visits.items() for event in events}
        events = [*portion.changes, *(event for some in portion.visits.values() for event in some)]
        history = [event_document(event, owners.get(event.event_id)) for event in events]
        totals = {contact_id: totals_of(some) for contact_id, some in portion.visits.items()}
        contacts = [contact_document(contact) for contact in portion.contacts]
        created = {contact.contact_id: contact.created_at for contact in portion.contacts}
        identities = [
            identity_document(association, created[association.contact_id], open_task=False)
            for association in portion.associations
        ]
        async with self._store.session() as session:

            async def work() -> None:
                with translated():
                    await self._database["identities"].insert_many(identities, session=session.driver)
                    await self._database["contacts"].insert_many(contacts, session=session.driver)
                    await self._database["events"].insert_many(history, ordered=False, session=session.driver)
                await session.profiles.add(portion.tenant_id, totals)

            await session.transaction(work)
