"""Count records that died before a use-case could take them."""

from collections.abc import Sequence

from service.ledger.model import Outcome, Receipt
from service.ports import Store


class DeadLetterCounter:
    """For records that the consumer runtime itself puts aside: refused by the store, or not even readable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, dead: Sequence[Receipt]) -> None:
        """One transaction. Records of a partition must come in order, before any later one of theirs is counted; those
        counted already are passed over. Raises StoreError's kinds."""
        outcomes = [(receipt, Outcome.DEAD_LETTERED) for receipt in dead]
        async with self._store.session() as session:
            await session.transaction(lambda: session.ledger.count(outcomes))
