"""What remembered answers need from a store."""

from typing import Protocol

from service.idempotency.model import Answer, KeptAnswer, OnceKey


class Answers(Protocol):
    """Answers that are given again to the same request."""

    async def keep(self, key: OnceKey, answer: Answer) -> None:
        """For 24 hours. Raises AnswerExistsError if there is one already."""
        ...

    async def get(self, key: OnceKey) -> KeptAnswer | None: ...
