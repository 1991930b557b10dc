"""What a rebuild of profiles needs of the store in memory (`tests.support.memory_store`).

There, what is counted once stands in the profile's totals; it has no rows of its own.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from service.contacts.ports import ContactPlace
from service.profile.conversed import Conversed
from service.profile.model import MAX_DEVICES, Device, Profile, Totals
from service.profile.ports import CountedOnce, RebuildProgress, RebuildScope, StoredProfile
from tests.support.memory_conversations import View


def profile_of(total: Totals, conversed: Conversed) -> Profile:
    """The figures side by side, as they are stored."""
    return Profile(
        sources=tuple(sorted(total.sources)),
        page_views=total.page_views,
        sessions=len(total.session_ids),
        device_count=len(total.devices),
        devices=tuple(sorted(total.devices)[:MAX_DEVICES]),
        first_seen_at=total.first_seen_at,
        last_seen_at=total.last_seen_at,
        last_page=total.last_page,
        first_referrer=total.first_referrer,
        first_utm=total.first_utm,
        last_utm=total.last_utm,
        conversed=conversed,
    )


class ProfileRecords:
    def __init__(self, view: View) -> None:
        self._view = view

    async def _totals(self, tenant_id: str, contact_id: str) -> Totals:
        total: Totals = (await self._view.reading()).get(("totals", (tenant_id, contact_id)), Totals())
        return total

    async def get(self, tenant_id: str, contact_id: str) -> StoredProfile:
        known, key = await self._view.reading(), (tenant_id, contact_id)
        figures = profile_of(known.get(("totals", key), Totals()), known.get(("conversed", key), Conversed()))
        return StoredProfile(figures, known.get(("touched", key), 0))

    async def replace(self, tenant_id: str, contact_id: str, profile: StoredProfile) -> None:
        known, figures, key = await self._totals(tenant_id, contact_id), profile.figures, (tenant_id, contact_id)
        totals = replace(
            known,
            sources=frozenset(figures.sources),
            page_views=figures.page_views,
            first_seen_at=figures.first_seen_at,
            last_seen_at=figures.last_seen_at,
            last_page=figures.last_page,
            first_referrer=figures.first_referrer,
            first_utm=figures.first_utm,
            last_utm=figures.last_utm,
        )
        await self._view.writing(
            {("totals", key): totals, ("conversed", key): figures.conversed, ("touched", key): profile.touched}
        )

    async def counted(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[CountedOnce]]:
        known = await self._totals(tenant_id, contact_id)
        yield [*known.session_ids, *known.devices]

    async def recount(
        self, tenant_id: str, contact_id: str, missing: Sequence[CountedOnce], surplus: Sequence[CountedOnce]
    ) -> None:
        known = await self._totals(tenant_id, contact_id)
        there = ({*known.session_ids, *known.devices} | {*missing}) - {*surplus}
        changed = replace(
            known,
            session_ids=frozenset(one for one in there if isinstance(one, str)),
            devices=frozenset(one for one in there if isinstance(one, Device)),
        )
        await self._view.writing({("totals", (tenant_id, contact_id)): changed})


class ContactWalk:
    """Of `service.contacts.ports.ContactList`, the walk."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def walk(self, tenant_id: str | None, behind: ContactPlace | None, limit: int) -> list[ContactPlace]:
        contacts = [one for (name, _), one in (await self._view.reading()).items() if name == "contact"]
        places = [ContactPlace(one.tenant_id, one.created_at, one.contact_id) for one in contacts]
        places = [one for one in places if tenant_id in (None, one.tenant_id)]
        places.sort(key=lambda one: (one.created_at, one.contact_id), reverse=True)
        places.sort(key=lambda one: one.tenant_id)
        start = places.index(behind) + 1 if behind else 0
        return places[start : start + limit]


class Rebuilds:
    def __init__(self, view: View) -> None:
        self._view = view

    async def load(self, scope: RebuildScope) -> RebuildProgress | None:
        return (await self._view.reading()).get(("rebuild", scope))

    async def save(self, scope: RebuildScope, progress: RebuildProgress) -> None:
        await self._view.writing({("rebuild", scope): progress})

    async def forget(self, scope: RebuildScope) -> None:
        await self._view.writing({("rebuild", scope): None})
