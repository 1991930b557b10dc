"""Create a contact."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson

from schemas.changes import ChangeType
from schemas.contacts import MAX_CONTACT_BYTES, CreateContact, UpsertContact
from service.clock import Clock
from service.contacts.changes import Change, record_changes
from service.contacts.context import Caller, remember
from service.contacts.merge import companies_of
from service.contacts.model import Contact
from service.contacts.owners import raise_owner
from service.contacts.view import contact_object
from service.erasure.guard import ErasureGuard
from service.errors import ContactTooLargeError, ContendedError, DuplicateKeyError
from service.identity.linking import Linker
from service.identity.model import Association, Identity, IdentityKind
from service.ids import new_contact_id, new_link_task
from service.ports import Session, Store

_ATTEMPTS = 5


class ContactCreator:
    """The use-case behind `POST /v1/contacts`."""

    def __init__(
        self,
        store: Store,
        linker: Linker,
        clock: Clock,
        guard: ErasureGuard,
        new_id: Callable[[], str] = new_contact_id,
    ) -> None:
        self._guard = guard
        self._store = store
        self._linker = linker
        self._clock = clock
        self._new_id = new_id

    async def __call__(self, caller: Caller, wanted: CreateContact, external_ids: Sequence[Identity] = ()) -> Contact:
        """The contact, its identities, its timeline event and its outbox record, all or nothing; then what was stored
        under its identities before is linked to it.

        Raises EmailTakenError, VisitorIdTakenError, ContactTooLargeError and StoreError's kinds.
        """
        contact = new_contact(caller.tenant_id, wanted, self._new_id(), self._clock())
        identities = [*identities_of(contact), *external_ids]
        associations = [Association(identity, contact.contact_id, new_link_task()) for identity in identities]
        async with self._store.session() as session:
            await self._commit(session, caller, contact, associations)
            await self._linker.link(session, associations)
        return contact

    async def _commit(
        self, session: Session, caller: Caller, contact: Contact, associations: list[Association]
    ) -> None:
        change = created(contact)

        async def work() -> None:
            # The registry first: whoever loses a race loses it before anything else was written.
            await self._guard.associate(session, associations, contact.created_at)
            await session.contacts.insert(contact)
            await record_changes(session, caller, contact, [change])
            await remember(session, caller, contact)

        for _ in range(_ATTEMPTS):
            try:
                return await session.transaction(work)
            except DuplicateKeyError:
                await raise_owner(session, [one.identity for one in associations], contact.contact_id)
                # Whoever had the identity is gone already: try again.
        raise ContendedError


def new_contact(
    tenant_id: str, wanted: UpsertContact, contact_id: str, now: datetime, creation_source: str = "api"
) -> Contact:
    """The contact that is wanted, as it is at first. Raises ContactTooLargeError."""
    contact = Contact(
        contact_id=contact_id,
        tenant_id=tenant_id,
        email=wanted.email,
        properties={key: value for key, value in wanted.properties.items() if value is not None},
        created_at=now,
        updated_at=now,
        committed_at=now,
        visitor_ids=tuple(wanted.visitor_id),
        company_ids=companies_of(wanted.company_id),
        creation_source=creation_source,
    )
    if len(orjson.dumps(contact_object(contact, None))) > MAX_CONTACT_BYTES:
        raise ContactTooLargeError
    return contact


def created(contact: Contact) -> Change:
    """The change that tells of it."""
    return Change(ChangeType.CONTACT_CREATED, told_of(contact), {"contact": contact_object(contact, None)})


def told_of(contact: Contact) -> dict[str, Any]:
    """What the timeline keeps of a creation."""
    return {"creation_source": contact.creation_source, "properties": sorted(contact.properties)}


def identities_of(contact: Contact) -> list[Identity]:
    """What a contact is known by: its address and its visitor ids."""
    visitors = [Identity(contact.tenant_id, IdentityKind.VISITOR, value) for value in contact.visitor_ids]
    return [Identity(contact.tenant_id, IdentityKind.EMAIL, contact.email), *visitors]
