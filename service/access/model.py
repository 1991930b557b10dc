"""API keys as they are kept."""

from dataclasses import dataclass
from datetime import datetime

from schemas.scopes import Scope


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of one tenant. The secret itself is shown once and never kept, only its SHA-256.

    A publishable key stands in web pages for everybody to read: it may only send visitor events, from `origins`.
    """

    key_id: str
    tenant_id: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    origins: tuple[str, ...] = ()

    @property
    def publishable(self) -> bool:
        """Whether it is meant to be seen."""
        return bool(self.origins)
