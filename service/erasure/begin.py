"""The beginning of an erasure: one transaction, after which the person is neither to be seen nor taken in again."""

from collections.abc import Sequence
from dataclasses import replace

from schemas.changes import ChangeType
from service.clock import Clock
from service.contacts.changes import Change, change_event, change_record
from service.contacts.context import Caller
from service.contacts.create import identities_of
from service.contacts.edit import locked
from service.contacts.locks import ContactLocks
from service.contacts.model import Contact
from service.erasure.guard import ErasureGuard
from service.erasure.model import Erasure, Mark, Subject, handle_of
from service.erasure.redact import names_in
from service.errors import VersionConflictError
from service.identity.model import Identity
from service.ids import new_erasure_id, new_event_id
from service.ports import Session, Store

_NAMES = ("firstname", "lastname")
_OTHER_WORDS = ("phone", "linkedin_url")
_LEAST_LENGTH = 6
"""Of a number, to be one that nothing else is."""


class ErasureBeginner:
    """Makes an erasure of a contact, or of identities that nobody has."""

    def __init__(self, store: Store, locks: ContactLocks, guard: ErasureGuard, clock: Clock) -> None:
        self._store = store
        self._locks = locks
        self._guard = guard
        self._clock = clock

    async def earlier(self, identity: Identity) -> tuple[Mark, Erasure | None] | None:
        """The mark that lies on an identity, and its erasure."""
        erased = await self._guard.find(self._store, [handle_of(identity)])
        for mark in erased.marks.values():
            return mark, await self._store.erasures.get(identity.tenant_id, mark.erasure_id)
        return None

    async def of_contact(self, caller: Caller, contact_id: str, expected_version: int | None = None) -> Erasure:
        """In one transaction the contact becomes a tombstone, its identities are free and marked, the feed says
        `contact.erased`, and the erasure is written down with all that it needs to go on from here.

        Raises ContactNotFoundError, VersionConflictError, ErasureSecretError and StoreError's kinds.
        """
        marker = await self._guard.introduce(self._store)
        async with self._locks.hold(contact_id), self._store.session() as session:

            async def work() -> Erasure:
                contact = await locked(session, caller, contact_id, self._clock())
                if expected_version not in (None, contact.version):
                    raise VersionConflictError(contact.version)
                final = replace(contact, sequence=contact.sequence + 1)
                registered = await session.remains.registered(caller.tenant_id, contact_id)
                identities = tuple(dict.fromkeys([*identities_of(contact), *registered]))
                subject = Subject(caller.tenant_id, (contact_id,), identities, words=words_of(contact))
                erasure = Erasure(new_erasure_id(), subject, final.committed_at, told_by=new_event_id())
                await session.contacts.bury(final)
                await session.identities.free_all(caller.tenant_id, contact_id)
                await session.profiles.close(caller.tenant_id, contact_id)
                await session.erasures.begin(erasure)
                marks = [marker(handle) for handle in subject.handles]
                await session.marks.lay(caller.tenant_id, erasure.erasure_id, marks, erasure.requested_at)
                await _tell(session, caller, final, erasure)
                return erasure

            return await session.transaction(work)

    async def of_identities(self, tenant_id: str, identities: Sequence[Identity]) -> Erasure:
        """Of what nobody has: what is stored under it goes, and nothing is taken under it any more.

        Raises ErasureSecretError and StoreError's kinds.
        """
        marker = await self._guard.introduce(self._store)
        erasure = Erasure(new_erasure_id(), Subject(tenant_id, identities=tuple(identities)), self._clock())
        marks = [marker(handle) for handle in erasure.subject.handles]
        async with self._store.session() as session:

            async def work() -> None:
                await session.erasures.begin(erasure)
                await session.marks.lay(tenant_id, erasure.erasure_id, marks, erasure.requested_at)

            await session.transaction(work)
        return erasure


def words_of(contact: Contact) -> tuple[str, ...]:
    """The person's name, and what else is looked for in what others wrote."""
    texts = {name: told for name, told in contact.properties.items() if isinstance(told, str) and told.strip()}
    names = [texts[name].strip() for name in _NAMES if name in texts]
    others = [texts[name].strip() for name in _OTHER_WORDS if name in texts]
    return tuple(sorted(names_in([" ".join(names), *names]) | {one for one in others if len(one) >= _LEAST_LENGTH}))


async def _tell(session: Session, caller: Caller, contact: Contact, erasure: Erasure) -> None:
    """As `record_changes` does, under an id that the erasure knows: the event outlives all others of the contact."""
    change = Change(ChangeType.CONTACT_ERASED, {}, {"contact_id": contact.contact_id})
    event_id = erasure.told_by or ""
    await session.events.insert([change_event(caller, contact, event_id, change)])
    await session.outbox.append([change_record(caller, contact, event_id, contact.sequence, change)])
