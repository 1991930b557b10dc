"""What accounting needs from a store."""

from collections.abc import Sequence
from typing import Protocol

from service.ledger.model import Outcome, Receipt


class Ledger(Protocol):
    """Rows of counts per (topic, partition, tenant)."""

    async def count(self, outcomes: Sequence[tuple[Receipt, Outcome]]) -> None:
        """Within the transaction that made them so. Records are counted in the order of their offsets, each once: what
        is before a row's next offset has been counted already, and is passed over."""
        ...
