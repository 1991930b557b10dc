"""What API keys need from a store."""

from datetime import datetime
from typing import Protocol

from service.access.model import ApiKey


class ApiKeys(Protocol):
    """API keys, by id; only hashes of their secrets."""

    async def insert(self, key: ApiKey) -> None: ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def of_tenant(self, tenant_id: str | None) -> list[ApiKey]: ...

    async def serves_origin(self, origin: str) -> bool:
        """Whether any publishable key that is not revoked, of whichever tenant, is for pages of this origin."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> bool:
        """False if there is no such key."""
        ...
