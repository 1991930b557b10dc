"""Who asks for a change, and by which request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The tenant that everything is bounded by, the acting key (None for a consumer), and the request's id."""

    tenant_id: str
    actor: str | None
    request_id: str | None
