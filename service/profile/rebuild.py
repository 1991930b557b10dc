"""Make the profiles of all live contacts anew, one contact after the other, and go on where a killed run was."""

from asyncio import Event
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import structlog

from service.contacts.ports import ContactPlace
from service.ports import Store
from service.profile.ports import RebuildProgress, RebuildScope
from service.profile.remake import ContactRemaker, Remade

_PORTION = 500
_SAVE_EVERY = 100

_log = structlog.get_logger(__name__)


class ProfileRebuilder:
    """The use-case behind `pathbound profiles rebuild`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def started(self, scope: RebuildScope) -> RebuildProgress | None:
        """How far an unfinished rebuild of that scope is."""
        return await self._store.profile_rebuilds.load(scope)

    async def start_over(self, scope: RebuildScope) -> None:
        """Forget an unfinished rebuild."""
        await self._store.profile_rebuilds.forget(scope)

    async def __call__(
        self, scope: RebuildScope, told: Callable[[RebuildProgress], None], stop: Event
    ) -> RebuildProgress | None:
        """Go on where an unfinished rebuild is, and tell how far after each contact. None if it was stopped before the
        end: then its progress is kept. Raises StoreError's kinds; likewise.
        """
        remake = ContactRemaker(self._store, dry_run=scope.dry_run)
        progress = await self._store.profile_rebuilds.load(scope) or RebuildProgress()
        async for place in self._places(scope.tenant_id, progress.behind):
            if stop.is_set():
                await self._store.profile_rebuilds.save(scope, progress)
                return None
            remade = await remake(place.tenant_id, place.contact_id)
            _tell(place, remade, dry_run=scope.dry_run)
            progress = _after(progress, place, remade)
            told(progress)
            # What was wrong is right now: who comes after a kill would not count it.
            if remade.wrong or not remade.settled or progress.looked_at % _SAVE_EVERY == 0:
                await self._store.profile_rebuilds.save(scope, progress)
        await self._store.profile_rebuilds.forget(scope)
        return progress

    async def _places(self, tenant_id: str | None, behind: ContactPlace | None) -> AsyncIterator[ContactPlace]:
        while places := await self._store.contact_list.walk(tenant_id, behind, _PORTION):
            for place in places:
                yield place
            behind = places[-1]


def _after(progress: RebuildProgress, place: ContactPlace, remade: Remade) -> RebuildProgress:
    return replace(
        progress,
        behind=place,
        looked_at=progress.looked_at + 1,
        wrong=progress.wrong + bool(remade.wrong),
        busy=progress.busy + (not remade.settled),
    )


def _tell(place: ContactPlace, remade: Remade, *, dry_run: bool) -> None:
    """Names only: figures tell of persons."""
    who = {"tenant_id": place.tenant_id, "contact_id": place.contact_id}
    if remade.wrong:
        _log.warning("profile_was_wrong", **who, figures=sorted(remade.wrong), corrected=not dry_run)
    if not remade.settled:
        _log.warning("profile_changes_all_the_time", **who)
