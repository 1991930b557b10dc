"""Issue and check API keys."""

import hashlib
import hmac
import secrets

from schemas.scopes import Scope
from service.access.model import ApiKey
from service.access.shared_read import SharedRead
from service.clock import Clock
from service.ports import Store

_PREFIX, _PUBLISHABLE_PREFIX = "pbk", "pbp"


class AccessKeys:
    """Keys look like `pbk_<id>_<secret>`, publishable ones like `pbp_…`; the id finds the document, the secret's
    SHA-256 must be the stored one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._read = SharedRead(store.api_keys.get)

    async def issue(self, tenant_id: str, name: str, scopes: frozenset[Scope]) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can show again."""
        return await self._issue(tenant_id, name, scopes, ())

    async def issue_publishable(self, tenant_id: str, name: str, origins: tuple[str, ...]) -> tuple[ApiKey, str]:
        """A new key for pages of these origins (at least one), and its text."""
        return await self._issue(tenant_id, name, frozenset({Scope.TRACK_WRITE}), origins)

    async def serves_origin(self, origin: str) -> bool:
        """Whether pages of this origin may send anything at all."""
        return await self._store.api_keys.serves_origin(origin)

    async def _issue(
        self, tenant_id: str, name: str, scopes: frozenset[Scope], origins: tuple[str, ...]
    ) -> tuple[ApiKey, str]:
        key_id = f"key_{secrets.token_hex(8)}"
        secret = secrets.token_urlsafe(32)
        key = ApiKey(key_id, tenant_id, name, scopes, _hash(secret), self._clock(), origins=origins)
        await self._store.api_keys.insert(key)
        return key, f"{_prefix(key)}_{key_id.removeprefix('key_')}_{secret}"

    async def verify(self, text: str) -> ApiKey | None:
        """The key behind `text`, unless there is none or it is revoked."""
        prefix, _, rest = text.partition("_")
        short_id, _, secret = rest.partition("_")
        if prefix not in (_PREFIX, _PUBLISHABLE_PREFIX) or not short_id.isalnum() or not secret:
            return None
        key = await self._read(f"key_{short_id}")
        # Compare even where there is no key, so that the answer's time tells nothing about ids.
        matches = hmac.compare_digest(_hash(secret), key.secret_hash if key else _hash(""))
        return key if key and matches and prefix == _prefix(key) and key.revoked_at is None else None


def _prefix(key: ApiKey) -> str:
    return _PUBLISHABLE_PREFIX if key.publishable else _PREFIX


def _hash(secret: str) -> str:
    # The secret has 256 random bits: a slow hash would guard nothing more.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
