"""Say that several identities are one person's."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.contacts import CreateContact, UpdateContact
from schemas.identify import Identify
from service.contacts.changes import Change
from service.contacts.context import Caller
from service.contacts.create import ContactCreator
from service.contacts.edit import Also, ContactEditor, Edit
from service.contacts.merge import Merged
from service.contacts.model import Contact
from service.errors import ContactNotFoundError, ContendedError, IdentityConflictError, IdentityTakenError
from service.idempotency.model import Once
from service.identity.model import Identity, IdentityKind
from service.ports import Session, Store
from service.profile.model import Profile

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Identified:
    """Whose the identities are now, with its figures; `contact` is None where nobody is known by them and no address
    was given."""

    contact: Contact | None
    profile: Profile | None = None
    created: bool = False


class _AddressMovedError(Exception):
    """The contact that had the address has another one now."""


class ContactIdentifier:
    """The use-case behind `POST /v1/identify`."""

    def __init__(self, store: Store, create: ContactCreator, edit: ContactEditor) -> None:
        self._store = store
        self._create = create
        self._edit = edit

    async def __call__(self, caller: Caller, wanted: Identify) -> Identified:
        """Associate what is free with the contact that has one of the identities, and merge the traits.

        A contact is created only for an address that nobody has. One that is known by its external id takes a new
        address as an update would; one that is known by a visitor id alone does not: a browser may be shared, so
        a second address on it is a conflict. Raises IdentityConflictError (nothing was changed) and what creating and
        updating raise.
        """
        for _ in range(_ATTEMPTS):
            try:
                return await self._once(caller, wanted)
            except (IdentityTakenError, ContactNotFoundError, _AddressMovedError):
                # The registry changed between the look and the write: look again.
                continue
        raise ContendedError

    async def _once(self, caller: Caller, wanted: Identify) -> Identified:
        identities = _identities(caller.tenant_id, wanted)
        owners = await self._store.identities.owners(identities)
        contact_ids = set(owners.values())
        if len(contact_ids) > 1:
            raise IdentityConflictError
        external = tuple(one for one in identities if one.kind is IdentityKind.EXTERNAL and one not in owners)
        visitors = [wanted.anonymous_id] if wanted.anonymous_id else []
        if contact_ids:
            if wanted.email and {one.kind for one in owners} == {IdentityKind.VISITOR}:
                raise IdentityConflictError
            update = UpdateContact(properties=dict(wanted.traits), visitor_id=visitors)
            known_by_address = any(one.kind is IdentityKind.EMAIL for one in owners)

            async def still_known(_: Session, merged: Merged) -> list[Change]:
                # Of what identifies, a living contact can only lose its address; this must not give it back.
                if known_by_address and merged.before.email != wanted.email:
                    raise _AddressMovedError
                return []

            return await self._known(caller, contact_ids.pop(), Edit(update, external_ids=external), still_known)
        if wanted.email is None:
            return Identified(None)
        properties = {key: value for key, value in wanted.traits.items() if key != "email"}
        create = CreateContact(email=wanted.email, properties=properties, visitor_id=visitors)
        keeping = _keeping(caller, lambda contact: Identified(contact, created=True))
        return Identified(await self._create(keeping, create, external), created=True)

    async def _known(self, caller: Caller, contact_id: str, edit: Edit, also: Also) -> Identified:
        """An answer that is kept is made before anything is linked: its figures are those from before."""
        before = await self._profile(caller, contact_id) if caller.once else None
        merged = await self._edit(_keeping(caller, lambda contact: Identified(contact, before)), contact_id, edit, also)
        return Identified(merged.contact, before if caller.once else await self._profile(caller, contact_id))

    async def _profile(self, caller: Caller, contact_id: str) -> Profile | None:
        return await self._store.profiles.get(caller.tenant_id, contact_id)


def _keeping(caller: Caller, identified: Callable[[Contact], Identified]) -> Caller:
    """The caller, whose kept answer is made of more than the contact that the transaction tells."""
    once = caller.once
    return replace(caller, once=once and Once(once.key, lambda contact: once.render(identified(contact))))


def _identities(tenant_id: str, wanted: Identify) -> list[Identity]:
    given = [
        (IdentityKind.EXTERNAL, wanted.external_id),
        (IdentityKind.EMAIL, wanted.email),
        (IdentityKind.VISITOR, wanted.anonymous_id),
    ]
    return [Identity(tenant_id, kind, value) for kind, value in given if value is not None]
