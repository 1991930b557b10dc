"""What profiles, and making them anew, need from a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from service.contacts.ports import ContactPlace
from service.profile.model import Device, Profile, Totals


class Profiles(Protocol):
    """What is known of each contact over all sources."""

    async def add(self, tenant_id: str, totals: Mapping[str, Totals]) -> None:
        """Count newly linked events in, by contact id. Writes each contact's profile, even where nothing changes."""
        ...

    async def converse(self, tenant_id: str, contact_ids: Sequence[str]) -> None:
        """Make the figures of these contacts' conversations anew from their threads. Writes each profile."""
        ...

    async def get(self, tenant_id: str, contact_id: str) -> Profile | None: ...

    async def get_many(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, Profile]:
        """Those that there are, by contact id, in one query."""
        ...

    async def touch(self, tenant_id: str, contact_id: str) -> None:
        """Write the profile without changing it, so that whoever is linking to this contact conflicts."""
        ...

    async def close(self, tenant_id: str, contact_id: str) -> None:
        """The contact is gone: forget its figures, and conflict with whoever is linking to it."""
        ...

    async def remove_rows(self, tenant_id: str, contact_id: str, limit: int) -> int:
        """Of a contact that is gone: remove up to `limit` rows of what was counted once; how many."""
        ...


CountedOnce = str | Device
"""A session, by its id, or a device: each has a row of its own, inserted once."""


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile as it is stored: the figures of conversations stand beside the others. Every writer of the profile
    counts `touched` up."""

    figures: Profile = field(default_factory=Profile)
    touched: int = 0


class ProfileRecords(Protocol):
    """Profiles and the rows of what they count, as they are stored."""

    async def get(self, tenant_id: str, contact_id: str) -> StoredProfile: ...

    async def replace(self, tenant_id: str, contact_id: str, profile: StoredProfile) -> None:
        """Write every figure, within the transaction that has read the profile."""
        ...

    def counted(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[CountedOnce]]:
        """What has a row, in portions of bounded size."""
        ...

    async def recount(
        self, tenant_id: str, contact_id: str, missing: Sequence[CountedOnce], surplus: Sequence[CountedOnce]
    ) -> None:
        """Insert rows and remove rows. Raises DuplicateKeyError where one is there meanwhile."""
        ...


class RebuildScope(NamedTuple):
    """Whose profiles are made anew (None: every tenant's), and whether it is only told."""

    tenant_id: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How far a rebuild is. `wrong` contacts had a figure that was not what the stored data say; `busy` ones changed
    whenever they were looked at, and are as they were."""

    behind: ContactPlace | None = None
    looked_at: int = 0
    wrong: int = 0
    busy: int = 0


class ProfileRebuilds(Protocol):
    """The progress of rebuilds that were not finished."""

    async def load(self, scope: RebuildScope) -> RebuildProgress | None: ...

    async def save(self, scope: RebuildScope, progress: RebuildProgress) -> None: ...

    async def forget(self, scope: RebuildScope) -> None: ...
