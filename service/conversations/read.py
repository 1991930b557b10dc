"""Read a contact's conversations."""

from collections.abc import AsyncIterator

from service.conversations.model import ShownMessage, Thread
from service.errors import ContactNotFoundError
from service.ports import Store


class ConversationReader:
    """The use-cases behind the conversation routes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def conversations(self, tenant_id: str, contact_id: str, limit: int) -> list[Thread]:
        """Threads over all sources, newest first. Raises ContactNotFoundError."""
        await self._must_exist(tenant_id, contact_id)
        return await self._store.conversations.threads(tenant_id, contact_id, limit)

    def messages(self, thread: Thread, newest: int) -> AsyncIterator[list[ShownMessage]]:
        """The thread's newest messages, oldest first, in small portions."""
        return self._store.conversations.messages(thread, newest)

    async def email_threads(self, tenant_id: str, contact_id: str, limit: int | None) -> AsyncIterator[list[Thread]]:
        """Gmail threads, each per mailbox, newest first, in portions. Raises ContactNotFoundError at once."""
        await self._must_exist(tenant_id, contact_id)
        return self._store.conversations.email_threads(tenant_id, contact_id, limit)

    async def _must_exist(self, tenant_id: str, contact_id: str) -> None:
        if await self._store.contacts.get(tenant_id, contact_id) is None:
            raise ContactNotFoundError
