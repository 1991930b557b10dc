"""Look kept answers up, and keep those that no transaction has kept."""

from service.errors import AnswerExistsError, IdempotencyKeyReusedError, RefusedDocumentError
from service.idempotency.model import Answer, OnceKey
from service.ports import Store


class RememberedAnswers:
    """The answers of the last 24 hours."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, key: OnceKey) -> Answer | None:
        """The first answer. Raises IdempotencyKeyReusedError if the first request was another."""
        kept = await self._store.answers.get(key)
        if kept is None:
            return None
        if kept.fingerprint != key.fingerprint:
            raise IdempotencyKeyReusedError
        return kept.answer

    async def settle(self, key: OnceKey, answer: Answer) -> Answer:
        """After a success: the answer that counts. A request that changed nothing ran no transaction, so its answer is
        kept now. One that is too large to be kept is given all the same: nothing is done twice by asking again."""
        first = await self.find(key)
        if first is not None:
            return first
        try:
            await self._store.answers.keep(key, answer)
        except AnswerExistsError:
            return await self.find(key) or answer
        except RefusedDocumentError:
            return answer
        return answer
