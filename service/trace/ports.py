"""What tracing needs from a store. For operators: an event's id is unique over all tenants."""

from collections.abc import Sequence
from typing import Protocol

from service.identity.model import Identity
from service.timeline.model import TimelineEvent
from service.trace.model import MessageTrace, Ownership


class Traces(Protocol):
    """Looks at what is stored of one input."""

    async def event(self, event_id: str) -> TimelineEvent | None:
        """An event, without its data."""
        ...

    async def owners(self, identities: Sequence[Identity]) -> list[Ownership]:
        """Of those that have a contact."""
        ...

    async def messages(self, tenant_id: str, told: str, account: str | None) -> list[MessageTrace]:
        """Messages with the id `told`, or of the Intercom conversation `told`. `account` is the mailbox or the
        conversation; without it the tenant's messages are looked through: raises TooSlowError if they are too many."""
        ...
