"""Create a contact."""

from collections.abc import Callable

import orjson

from schemas.changes import ChangeType
from schemas.contacts import MAX_CONTACT_BYTES, CreateContact
from service.clock import Clock
from service.contacts.changes import record_change
from service.contacts.context import Caller
from service.contacts.model import Contact
from service.contacts.view import contact_object
from service.errors import ContactTooLargeError, ContendedError, DuplicateKeyError, EmailTakenError, VisitorIdTakenError
from service.identity.linking import Linker
from service.identity.model import Association, Identity, IdentityKind
from service.ids import new_contact_id, new_event_id, new_link_task
from service.ports import Session, Store
from service.profile.model import Profile

_ATTEMPTS = 5


class ContactCreator:
    """The use-case behind `POST /v1/contacts`."""

    def __init__(self, store: Store, linker: Linker, clock: Clock, new_id: Callable[[], str] = new_contact_id) -> None:
        self._store = store
        self._linker = linker
        self._clock = clock
        self._new_id = new_id

    async def __call__(self, caller: Caller, wanted: CreateContact) -> tuple[Contact, Profile | None]:
        """The contact, its identities, its timeline event and its outbox record, all or nothing; then what was stored
        under its identities before is linked to it.

        Raises EmailTakenError, VisitorIdTakenError, ContactTooLargeError and StoreError's kinds.
        """
        contact = self._contact(caller, wanted)
        associations = [
            Association(identity, contact.contact_id, new_link_task()) for identity in _identities_of(contact)
        ]
        async with self._store.session() as session:
            await self._commit(session, caller, contact, associations)
            linked = await self._linker.link(session, associations)
            profile = await session.profiles.get(caller.tenant_id, contact.contact_id) if linked else None
        return contact, profile

    def _contact(self, caller: Caller, wanted: CreateContact) -> Contact:
        now = self._clock()
        contact = Contact(
            contact_id=self._new_id(),
            tenant_id=caller.tenant_id,
            email=wanted.email,
            properties=wanted.properties,
            created_at=now,
            updated_at=now,
            committed_at=now,
            visitor_ids=tuple(wanted.visitor_id),
            company_ids=(wanted.company_id,) if wanted.company_id else (),
        )
        if len(orjson.dumps(contact_object(contact, None))) > MAX_CONTACT_BYTES:
            raise ContactTooLargeError
        return contact

    async def _commit(
        self, session: Session, caller: Caller, contact: Contact, associations: list[Association]
    ) -> None:
        event_id = new_event_id()
        told = {"creation_source": contact.creation_source, "properties": sorted(contact.properties)}

        async def work() -> None:
            # The registry first: whoever loses a race loses it before anything else was written.
            await session.identities.associate(associations, contact.created_at)
            await session.contacts.insert(contact)
            published = {"contact": contact_object(contact, None)}
            await record_change(session, caller, contact, ChangeType.CONTACT_CREATED, event_id, told, published)

        for _ in range(_ATTEMPTS):
            try:
                return await session.transaction(work)
            except DuplicateKeyError:
                await _raise_owner(session, associations)
                # Whoever had the identity is gone already: try again.
        raise ContendedError


def _identities_of(contact: Contact) -> list[Identity]:
    visitors = [Identity(contact.tenant_id, IdentityKind.VISITOR, value) for value in contact.visitor_ids]
    return [Identity(contact.tenant_id, IdentityKind.EMAIL, contact.email), *visitors]


async def _raise_owner(session: Session, associations: list[Association]) -> None:
    owners = await session.identities.owners([association.identity for association in associations])
    for association in associations:
        owner = owners.get(association.identity)
        if owner is not None:
            taken = EmailTakenError if association.identity.kind is IdentityKind.EMAIL else VisitorIdTakenError
            raise taken(owner)
