"""What accounting needs from a store."""

from collections.abc import Sequence
from typing import Protocol

from service.ledger.model import Outcome, Receipt, Row


class Ledger(Protocol):
    """Rows of counts per (topic, partition, tenant)."""

    async def count(self, outcomes: Sequence[tuple[Receipt, Outcome]]) -> None:
        """Within the transaction that made them so. Records are counted in the order of their offsets, each once: what
        is before a row's next offset has been counted already, and is passed over."""
        ...

    async def rows(self, tenant_id: str | None = None, topic: str | None = None) -> list[Row]:
        """For operators: the rows of a tenant and of a topic, or of all of them, by topic, tenant and partition."""
        ...
