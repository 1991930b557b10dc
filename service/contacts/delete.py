"""Delete a contact."""

from dataclasses import replace

from schemas.changes import ChangeType
from service.clock import Clock
from service.contacts.changes import Change, record_changes
from service.contacts.context import Caller
from service.contacts.edit import locked
from service.contacts.locks import ContactLocks
from service.errors import VersionConflictError
from service.ports import Store

_SWEEP_BATCH = 1000


class ContactDeleter:
    """The use-case behind `DELETE /v1/contacts/:contact_id`."""

    def __init__(self, store: Store, locks: ContactLocks, clock: Clock) -> None:
        self._store = store
        self._locks = locks
        self._clock = clock

    async def __call__(self, caller: Caller, contact_id: str, expected_version: int | None = None) -> None:
        """In one transaction the contact becomes a tombstone and its identities are free. Its notes cannot be reached
        from then on, and `sweep` removes them; its events and actions stay (audit log).

        Raises ContactNotFoundError, VersionConflictError and StoreError's kinds.
        """
        async with self._locks.hold(contact_id), self._store.session() as session:

            async def work() -> None:
                contact = await locked(session, caller, contact_id, self._clock())
                if expected_version not in (None, contact.version):
                    raise VersionConflictError(contact.version)
                final = replace(contact, sequence=contact.sequence + 1)
                await session.contacts.bury(final)
                await session.identities.free_all(caller.tenant_id, contact_id)
                await session.profiles.close(caller.tenant_id, contact_id)
                change = Change(ChangeType.CONTACT_DELETED, {}, {"contact_id": contact_id})
                await record_changes(session, caller, final, [change])

            await session.transaction(work)

    async def sweep(self) -> int:
        """Remove what deleted contacts left behind, a bounded number of documents; how many contacts are done.

        Any process may do it, again and again: what is gone is gone.
        """
        done = 0
        for tenant_id, contact_id in await self._store.contacts.unswept(limit=100):
            removed = await self._store.notes.remove_some(tenant_id, contact_id, _SWEEP_BATCH)
            removed += await self._store.profiles.remove_rows(tenant_id, contact_id, _SWEEP_BATCH)
            if removed == 0:
                await self._store.contacts.swept(contact_id)
                done += 1
        return done
