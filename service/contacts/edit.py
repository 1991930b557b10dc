"""Change a contact: the one transaction behind updates, identification and the actions that change contacts."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.contacts import UpdateContact
from service.clock import Clock
from service.contacts.changes import Change, record_changes
from service.contacts.context import Caller, remember
from service.contacts.locks import ContactLocks
from service.contacts.merge import Merged, merge
from service.contacts.model import Contact
from service.contacts.owners import raise_owner
from service.erasure.guard import ErasureGuard
from service.errors import ContactNotFoundError, ContendedError, DuplicateKeyError, VersionConflictError
from service.identity.linking import Linker
from service.identity.model import Association, Identity, IdentityKind
from service.ids import new_link_task
from service.ports import Session, Store

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Edit:
    """What is wanted of one contact (see `merge`). `expected_version` None means whatever it is now."""

    wanted: UpdateContact
    expected_version: int | None = None
    enriched_by: str | None = None
    reason: str | None = None
    external_ids: tuple[Identity, ...] = ()


Also = Callable[[Session, Merged], Awaitable[list[Change]]]
"""More to do in the same transaction, and the changes to tell of it."""


class _Unchanged(Exception):  # noqa: N818 - no error: it only ends the transaction
    def __init__(self, merged: Merged) -> None:
        self.merged = merged


class ContactEditor:
    """Merges an edit into a contact."""

    def __init__(
        self,
        store: Store,
        linker: Linker,
        locks: ContactLocks,
        clock: Clock,
        guard: ErasureGuard,
    ) -> None:
        self._guard = guard
        self._store = store
        self._linker = linker
        self._locks = locks
        self._clock = clock

    async def __call__(
        self, caller: Caller, contact_id: str, edit: Edit, also: Also | None = None, session: Session | None = None
    ) -> Merged:
        """Merge, and link what was stored under the identities that the contact gains. An edit that changes nothing
        writes and publishes nothing. `session` is given by a caller whose own writes this must see.

        Raises ContactNotFoundError, VersionConflictError, IdentityTakenError's kinds, ContactTooLargeError,
        TooManyVisitorIdsError and StoreError's kinds.
        """
        async with self._locks.hold(contact_id), nullcontext(session) if session else self._store.session() as seeing:
            for _ in range(_ATTEMPTS):
                try:
                    return await self._once(seeing, caller, contact_id, edit, also)
                except DuplicateKeyError:
                    await raise_owner(seeing, _wanted_identities(caller, edit), contact_id)
                    # Whoever had the identity is gone already: try again.
            raise ContendedError

    async def _once(self, session: Session, caller: Caller, contact_id: str, edit: Edit, also: Also | None) -> Merged:
        async def work() -> tuple[Merged, list[Association]]:
            now = self._clock()
            contact = await locked(session, caller, contact_id, now)
            if edit.expected_version not in (None, contact.version):
                raise VersionConflictError(contact.version)
            merged = merge(contact, edit.wanted, now, edit.enriched_by, edit.reason, edit.external_ids)
            more = await also(session, merged) if also else []
            if not merged.changes and not more:
                raise _Unchanged(merged)
            associations = await self._move_identities(session, merged, now)
            final = replace(merged.contact, sequence=merged.contact.sequence + len(more))
            await session.contacts.replace(final)
            await record_changes(session, caller, final, [*merged.changes, *more])
            await remember(session, caller, final)
            return replace(merged, contact=final), associations

        try:
            merged, associations = await session.transaction(work)
        except _Unchanged as unchanged:
            return unchanged.merged
        await self._linker.link(session, associations)
        return merged

    async def _move_identities(self, session: Session, merged: Merged, now: datetime) -> list[Association]:
        associations = [Association(one, merged.contact.contact_id, new_link_task()) for one in merged.gained]
        if merged.freed:
            await session.identities.free(merged.freed, merged.contact.contact_id)
            # Who stores under the freed address right now must conflict with this, and see that nobody has it.
            await session.profiles.touch(merged.contact.tenant_id, merged.contact.contact_id)
        await self._guard.associate(session, associations, now)
        return associations


async def locked(session: Session, caller: Caller, contact_id: str, now: datetime) -> Contact:
    """The contact as it was before this transaction, which has written it now: any other writer conflicts at once.

    Raises ContactNotFoundError.
    """
    contact = await session.contacts.lock(caller.tenant_id, contact_id, now)
    if contact is None:
        raise ContactNotFoundError
    return replace(contact, sequence=contact.sequence - 1)


def _wanted_identities(caller: Caller, edit: Edit) -> Sequence[Identity]:
    email = edit.wanted.properties.get("email")
    mail = [Identity(caller.tenant_id, IdentityKind.EMAIL, email)] if email else []
    visitors = [Identity(caller.tenant_id, IdentityKind.VISITOR, one) for one in edit.wanted.visitor_id]
    return [*mail, *visitors, *edit.external_ids]
