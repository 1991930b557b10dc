"""What erasing needs from a store."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from service.conversations.incoming import MessageKey, PersonKey
from service.conversations.join import MessageRecord
from service.conversations.model import ConversationRow
from service.erasure.model import Erasure, Mark, Subject
from service.identity.model import Identity
from service.outbox.model import OutboxRecord


class Marks(Protocol):
    """What keeps erased persons out."""

    async def find(self, tenant_id: str, marks: Sequence[str]) -> dict[str, Mark]:
        """Those that there are, in one query."""
        ...

    async def lay(self, tenant_id: str, erasure_id: str, marks: Sequence[str], now: datetime) -> None:
        """Lay marks, or lay them again for another erasure: nothing is taken under them from now on."""
        ...

    async def lift(self, tenant_id: str, marks: Sequence[str], erasure_ids: Sequence[str]) -> None:
        """What comes from now on is taken again, under these marks and all of these erasures. Now is the store's: what
        came is dated by Kafka, and one process's clock may be wrong."""
        ...

    async def let_go(self, tenant_id: str, erasure_id: str, marks: Sequence[str]) -> None:
        """The same under these marks of one erasure alone: another may have laid them anew."""
        ...

    async def tenants(self) -> list[str]:
        """The tenants that have marks (the operator's own view)."""
        ...

    async def fingerprint(self) -> str | None:
        """Of the secret that all marks are made with."""
        ...

    async def introduce(self, fingerprint: str) -> str:
        """The fingerprint that is stored, from now on: the first one."""
        ...


class Erasures(Protocol):
    """Erasures, and how far they are."""

    async def begin(self, erasure: Erasure) -> None: ...

    async def get(self, tenant_id: str, erasure_id: str) -> Erasure | None: ...

    async def learn(self, tenant_id: str, erasure_id: str, more: Subject) -> None:
        """More that belongs to the person. An erasure that was done is not done any more."""
        ...

    async def claim(self, tenant_id: str, erasure_id: str, run: str) -> bool:
        """For a minute; False if another run has it."""
        ...

    async def release(self, tenant_id: str, erasure_id: str, run: str) -> None:
        """Let another run have it at once."""
        ...

    async def finish(self, erasure: Erasure, now: datetime) -> bool:
        """Forget who it was. False (and nothing is changed) if more was learnt since `erasure` was read."""
        ...

    async def unfinished(self, limit: int) -> list[tuple[str, str]]:
        """(tenant, erasure) that no run has (the system's own view)."""
        ...

    async def under_way(self, tenant_id: str) -> list[Erasure]:
        """A tenant's that are not done."""
        ...


class KnownBy(NamedTuple):
    """An event that carries one of the identities that were asked for; and all of its identities."""

    event_id: str
    contact_id: str | None
    identities: tuple[Identity, ...]


class Remains(Protocol):
    """What is stored of a person, where only an erasure looks for it."""

    async def registered(self, tenant_id: str, contact_id: str) -> list[Identity]:
        """The identities that a contact has."""
        ...

    async def deleted(self, tenant_id: str, contact_ids: Sequence[str]) -> set[str]:
        """Those of the contacts that are there no longer."""
        ...

    def carried(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[Identity]]:
        """The identities that a contact's events carry or tell of, portion by portion."""
        ...

    async def remove_events(self, tenant_id: str, contact_id: str, kept: str | None, limit: int) -> int:
        """Of a contact, all but the event `kept`; how many."""
        ...

    def known_by(self, identities: Sequence[Identity]) -> AsyncIterator[list[KnownBy]]:
        """Events that carry one of the identities, whosever they are. Looks through all of the tenant's."""
        ...

    async def remove_known(self, tenant_id: str, events: Sequence[tuple[str, str | None]]) -> None:
        """Events (by id) that still are whose they were when they were looked at: one may have been linked since."""
        ...

    async def withhold(self, tenant_id: str, event_ids: Sequence[str], identities: Sequence[Identity]) -> None:
        """Take identities off events."""
        ...

    async def remove_actions(self, tenant_id: str, contact_id: str, limit: int) -> int: ...

    async def blank_answers(self, subject: Subject) -> int:
        """Empty the answers kept for idempotency that name a contact or an address of the person; how many. Their
        requests are not done again. One whose very key names the address goes."""
        ...

    def published(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[OutboxRecord]]:
        """A contact's records in the outbox, published or not."""
        ...

    async def replace_records(self, records: Sequence[OutboxRecord]) -> None:
        """Values and headers."""
        ...

    async def count(self, subject: Subject) -> Mapping[str, int]:
        """How much there is, by what it is called."""
        ...


class SharedRemains(Protocol):
    """What is stored of a person in conversations."""

    async def persons_with(self, tenant_id: str, emails: Sequence[str]) -> list[PersonKey]:
        """Persons whom their source knows by one of the addresses. Looks through all of the tenant's."""
        ...

    async def remove_persons(self, persons: Sequence[PersonKey]) -> None: ...

    async def forget_addresses(self, tenant_id: str, emails: Sequence[str]) -> None:
        """Take the addresses off persons who have others. Looks through all of the tenant's."""
        ...

    async def remove_source_threads(self, tenant_id: str, conversation_ids: Sequence[str]) -> None: ...

    async def leave(self, tenant_id: str, conversation_ids: Sequence[str], persons: Sequence[PersonKey]) -> None:
        """Take persons out of conversations."""
        ...

    def rows(self, subject: Subject) -> AsyncIterator[list[ConversationRow]]:
        """Rows of the person's contacts, and under its addresses."""
        ...

    async def rows_in(
        self, tenant_id: str, conversation_id: str, message_ids: Sequence[str] | None = None
    ) -> list[ConversationRow]:
        """Everybody's rows in a conversation, or of these of its messages."""
        ...

    async def contents(self, keys: Sequence[MessageKey]) -> list[MessageRecord]:
        """Messages with their texts."""
        ...
