"""Create or merge many contacts by their addresses, in one transaction."""

from collections.abc import Awaitable, Callable, Sequence

from schemas.contacts import UpsertContact
from service.clock import Clock
from service.contacts.changes import recorded, store_recorded
from service.contacts.context import Caller
from service.contacts.plan import BatchPlan, Planner, Result, identities_in
from service.erasure.guard import ErasureGuard
from service.errors import ContendedError, DuplicateKeyError
from service.identity.linking import Linker
from service.ids import new_contact_id
from service.ports import Repositories, Session, Store

_ATTEMPTS = 5

Also = Callable[[Session, list[Result]], Awaitable[None]]
"""More to do in the same transaction."""


class ContactUpserter:
    """Does to each of a batch what `POST /v1/contacts` or, where the address is known, `PUT` would do."""

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

    async def __call__(self, caller: Caller, batch: Sequence[UpsertContact], also: Also) -> list[Result]:
        """What became of each, in order. Those refused do not keep the others back; what changes nothing writes and
        publishes nothing. Afterwards what was stored under the identities gained is linked.

        Raises RefusedDocumentError if MongoDB takes none of the batch for the sake of one, and StoreError's kinds.
        """
        async with self._store.session() as session:
            plan = await self._commit(session, caller, batch, also)
            await self._linker.link_many(session, plan.associations)
        await self._linker.work_off()
        return plan.results

    async def preview(self, caller: Caller, batch: Sequence[UpsertContact]) -> list[Result]:
        """What would become of each now; nothing is written. Raises StoreError's kinds."""
        async with self._store.session() as session:
            # One snapshot: who has an address in the registry is there.
            return (await session.transaction(lambda: self._plan(session, caller, batch))).results

    async def _commit(self, session: Session, caller: Caller, batch: Sequence[UpsertContact], also: Also) -> BatchPlan:
        async def work() -> BatchPlan:
            plan = await self._plan(session, caller, batch)
            await self._guard.associate(session, plan.associations, plan.now)
            await _store(session, caller, plan)
            await also(session, plan.results)
            return plan

        for _ in range(_ATTEMPTS):
            try:
                return await session.transaction(work)
            except DuplicateKeyError:
                continue  # an identity that was free in our snapshot is so no more: plan anew
        raise ContendedError

    async def _plan(self, repositories: Repositories, caller: Caller, batch: Sequence[UpsertContact]) -> BatchPlan:
        owners = await repositories.identities.owners(identities_in(caller.tenant_id, batch))
        contacts = await repositories.contacts.get_many(caller.tenant_id, list(dict.fromkeys(owners.values())))
        return Planner(caller.tenant_id, owners, contacts, self._clock(), self._new_id)(batch)


async def _store(session: Session, caller: Caller, plan: BatchPlan) -> None:
    """The contacts read are of the transaction's snapshot, so that whoever changed one since then conflicts."""
    written = list(plan.written.values())
    if written:
        await session.contacts.insert_many([one.contact for one in written if one.is_new])
        await session.contacts.replace_many([one.contact for one in written if not one.is_new])
        told = [entry for one in written for entry in recorded(caller, one.contact, one.changes)]
        await store_recorded(session, told)
