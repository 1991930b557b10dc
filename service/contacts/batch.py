"""Read several contacts at once. Ids that are unknown, another tenant's or deleted are dropped."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from service.contacts.model import Contact
from service.ports import Store
from service.profile.model import Profile
from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class Activity:
    """Contacts in the order asked, and the newest events of each that has any; None where they are too heavy to be held
    at once: each contact's timeline has them."""

    contact_ids: list[str]
    events: dict[str, list[TimelineEvent]] | None


class BatchReader:
    """The use-cases behind the routes under /v1/batch. All answer in the order asked, an id given twice once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def details(self, tenant_id: str, contact_ids: Sequence[str]) -> list[tuple[Contact, Profile | None]]:
        """Contacts with their figures, in two reads."""
        contacts, profiles = await asyncio.gather(
            self._store.contacts.get_many(tenant_id, contact_ids), self._store.profiles.get_many(tenant_id, contact_ids)
        )
        return [(contacts[one], profiles.get(one)) for one in dict.fromkeys(contact_ids) if one in contacts]

    async def activity(self, tenant_id: str, contact_ids: Sequence[str], limit: int) -> Activity:
        """Each contact's newest events, up to `limit` of each, in two reads."""
        distinct = list(dict.fromkeys(contact_ids))
        contacts = await self._store.contacts.get_many(tenant_id, distinct)
        known = [one for one in distinct if one in contacts]
        return Activity(known, await self._store.event_lists.newest_of_each(tenant_id, known, limit))
