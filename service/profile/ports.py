"""What making profiles anew needs from a store."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from service.contacts.ports import ContactPlace
from service.profile.model import Device, Profile

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
