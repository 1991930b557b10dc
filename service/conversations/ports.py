"""What reading conversations needs from a store."""

from collections.abc import AsyncIterator
from typing import Protocol

from service.conversations.model import ShownMessage, Thread


class Conversations(Protocol):
    """Threads of contacts and their messages."""

    async def threads(self, tenant_id: str, contact_id: str, limit: int) -> list[Thread]:
        """Threads in which something is shown, those with the newest shown message first."""
        ...

    def email_threads(self, tenant_id: str, contact_id: str, limit: int | None) -> AsyncIterator[list[Thread]]:
        """Gmail threads with a visible message, those with the newest first, in portions of bounded size."""
        ...

    def messages(self, thread: Thread, newest: int) -> AsyncIterator[list[ShownMessage]]:
        """The newest shown messages of a contact's thread, oldest first, in portions of a few."""
        ...
