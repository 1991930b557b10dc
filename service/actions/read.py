"""Read actions."""

from service.actions.model import Action, ActionQuery
from service.erasure.hidden import hidden_in
from service.errors import ActionNotFoundError
from service.ports import Store


class ActionReader:
    """The use-cases behind the reading routes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def one(self, tenant_id: str, action_id: str) -> Action:
        """Raises ActionNotFoundError."""
        action = await self._store.actions.get(tenant_id, action_id)
        if action is None or (await hidden_in(self._store, tenant_id)).has(action):
            raise ActionNotFoundError
        return action

    async def page(self, query: ActionQuery) -> list[Action]:
        """Newest first."""
        found = await self._store.actions.newest(query)
        return (await hidden_in(self._store, query.tenant_id)).actions(found)

    async def count(self, query: ActionQuery, at_most: int | None) -> int:
        """How many there are, counted up to `at_most` (None: all of them)."""
        return await self._store.actions.count(query, at_most)
