"""What identities need from a store."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from service.identity.model import Association, Identity


class Identities(Protocol):
    """The registry: which contact an identity belongs to."""

    async def associate(self, associations: Sequence[Association], now: datetime) -> None:
        """Give free identities to a contact. Raises DuplicateKeyError if one is taken (the transaction is over)."""
        ...

    async def owners(self, identities: Iterable[Identity]) -> dict[Identity, str]:
        """The contacts of those that have one, in one query."""
        ...

    async def awaited(self, identities: Sequence[Identity]) -> bool:
        """Whether events or messages that have no contact yet wait for any of these."""
        ...

    async def claim(self, identity: Identity, contact_id: str) -> bool:
        """Write the registry document, so that whoever frees the identity conflicts with this transaction.

        False where the identity is not that contact's.
        """
        ...

    async def free(self, identities: Sequence[Identity], contact_id: str) -> None:
        """Take identities from a contact; what is not that contact's stays."""
        ...

    async def free_all(self, tenant_id: str, contact_id: str) -> None:
        """Take all of a contact's identities."""
        ...

    async def fence(self, identities: Sequence[Identity]) -> None:
        """Conflict with whoever gives one of these free identities to a contact right now; nothing else changes.

        Raises DuplicateKeyError if one is taken (the transaction is over).
        """
        ...

    async def finish(self, link_tasks: Sequence[str]) -> None:
        """The tasks' identities have nothing left to link."""
        ...

    async def unfinished(
        self, before: str, limit: int, beyond: str | None = None, behind: str = ""
    ) -> list[Association]:
        """Link tasks whose token sorts before `before`, or behind `beyond`, oldest first; of these, those behind
        `behind`."""
        ...
