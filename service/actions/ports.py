"""What actions need from a store."""

from typing import Protocol

from service.actions.model import Action, ActionQuery


class Actions(Protocol):
    """Actions: what was done, by whom, and why."""

    async def insert(self, action: Action) -> None: ...

    async def get(self, tenant_id: str, action_id: str) -> Action | None: ...

    async def newest(self, query: ActionQuery) -> list[Action]:
        """Newest first."""
        ...

    async def count(self, query: ActionQuery, at_most: int | None) -> int:
        """How many there are, counted up to `at_most` (None: all of them)."""
        ...
