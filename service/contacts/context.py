"""Who asks for a change, and by which request."""

from dataclasses import dataclass
from typing import Any

from service.idempotency.model import Once
from service.ports import Repositories


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant that everything is bounded by, the acting key (None for a consumer), and the request's id.

    `once` is there for a request with an `Idempotency-Key`, `traceparent` for one that is part of a trace.
    """

    tenant_id: str
    actor: str | None
    request_id: str | None
    once: Once | None = None
    traceparent: str | None = None


async def remember(repositories: Repositories, caller: Caller, result: Any) -> None:
    """Within the transaction that made `result`: keep the answer, if the request is to be done once.

    Raises AnswerExistsError if the same request was answered meanwhile; the transaction is over then.
    """
    if caller.once is not None:
        await repositories.answers.keep(caller.once.key, caller.once.render(result))
