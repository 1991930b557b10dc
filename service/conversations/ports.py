"""What conversations need from a store."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence, Set
from typing import Protocol

from service.conversations.incoming import MessageKey, PersonKey
from service.conversations.join import MessageRecord, SourceThread
from service.conversations.model import ConversationRow, ShownMessage, Thread, ThreadKey
from service.conversations.parts import Parts
from service.identity.model import Identity


class Conversations(Protocol):
    """Threads of contacts and their messages."""

    async def threads(self, tenant_id: str, contact_id: str, limit: int) -> list[Thread]:
        """Threads in which something is shown, those with the newest shown message first."""
        ...

    def email_threads(self, tenant_id: str, contact_id: str, limit: int | None) -> AsyncIterator[list[Thread]]:
        """Gmail threads with a visible message, those with the newest first, in portions of bounded size."""
        ...

    def messages(self, thread: Thread, newest: int) -> AsyncIterator[list[ShownMessage]]:
        """The newest shown messages of a contact's thread, oldest first, in portions of a few, none of them empty."""
        ...


class Messages(Protocol):
    """Messages as their sources have them. What is read here comes without texts and HTML."""

    async def headers(self, keys: Iterable[MessageKey]) -> dict[MessageKey, MessageRecord]:
        """Those that are known."""
        ...

    async def of_threads(self, threads: Sequence[ThreadKey], at_most: int | None = None) -> list[MessageRecord]:
        """All messages of Intercom conversations, or so many of them."""
        ...

    async def write(self, records: Sequence[MessageRecord], with_content: Set[MessageKey]) -> None:
        """Store the records; the contents only of those in `with_content`, which must have their texts."""
        ...

    async def remove(self, keys: Sequence[MessageKey]) -> None:
        """Forget messages."""
        ...


class SourceThreads(Protocol):
    """Conversations that belong to persons whole, and what the source knows of the persons."""

    async def get(self, keys: Iterable[ThreadKey]) -> list[SourceThread]:
        """Those that are known."""
        ...

    async def of_persons(self, persons: Iterable[PersonKey]) -> list[SourceThread]:
        """All in which one of them takes part."""
        ...

    async def write(self, threads: Sequence[SourceThread]) -> None:
        """Write each, even where nothing changes."""
        ...

    async def persons(self, keys: Iterable[PersonKey]) -> dict[PersonKey, frozenset[str]]:
        """The e-mail addresses of those that are known."""
        ...

    async def write_persons(self, persons: Mapping[PersonKey, frozenset[str]]) -> None:
        """Write each with at least these addresses, even where nothing changes."""
        ...


class Rows(Protocol):
    """Messages in the eyes of their participants. A row without a contact awaits one under its address."""

    async def get(self, row_ids: Sequence[str]) -> dict[str, ConversationRow]:
        """Those that there are, by id."""
        ...

    async def write(
        self, fresh: Sequence[ConversationRow], changed: Sequence[ConversationRow], removed: Sequence[ConversationRow]
    ) -> None:
        """Insert, replace and remove; every one of them is written, even where nothing changes."""
        ...

    async def settle(self, rows: Sequence[ConversationRow]) -> None:
        """Store which are shown, and their direction."""
        ...

    async def of_copies(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        """All rows of these (contact, copy)."""
        ...

    async def of_threads(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[ConversationRow]:
        """All rows of these (contact, conversation)."""
        ...

    async def of_parts(self, tenant_id: str, parts: Set[tuple[str, str, int]]) -> list[ConversationRow]:
        """All rows of these (contact, conversation, part)."""
        ...

    def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[ConversationRow]]:
        """All rows of a contact, conversation by conversation, in portions of bounded size."""
        ...

    async def awaiting(self, identity: Identity, limit: int) -> list[ConversationRow]:
        """Rows that would be linked if the identity had a contact, as many as `limit`."""
        ...

    async def bind(self, rows: Sequence[ConversationRow], contact_id: str) -> list[ConversationRow]:
        """Give awaiting rows to a contact, for good; the rows as they are then."""
        ...


class ContactThreads(Protocol):
    """Threads as contacts see them."""

    async def write(self, tenant_id: str, pairs: Set[tuple[str, str]], threads: Sequence[Thread]) -> None:
        """All that there is to see of these (contact, conversation); one in which nothing may be seen goes."""
        ...

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> list[Thread]:
        """Those that are stored of these (contact, conversation)."""
        ...

    def of_contact(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[str]]:
        """The conversation ids of all threads of a contact, in portions of bounded size."""
        ...


class ThreadParts(Protocol):
    """Large threads in parts."""

    async def get(self, tenant_id: str, pairs: Set[tuple[str, str]]) -> dict[tuple[str, str], Parts]:
        """Of these (contact, conversation), those that are stored in parts."""
        ...

    async def write(self, tenant_id: str, parts: Mapping[tuple[str, str], Parts]) -> None:
        """Store them; those in which there is nothing any more go."""
        ...
