"""API keys as they are kept."""

from dataclasses import dataclass
from datetime import datetime

from schemas.scopes import Scope


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of one tenant. The secret itself is shown once and never kept, only its SHA-256."""

    key_id: str
    tenant_id: str
    name: str
    scopes: frozenset[Scope]
    secret_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
