"""What stays of an erased handle: a keyed hash, from which nobody without the key can tell whose it was, or try out."""

import hashlib
import hmac

from service.conversations.incoming import digest
from service.erasure.model import Handle

MIN_SECRET_LENGTH = 32


class Marker:
    """Makes marks with one secret. The same handle of two tenants, or of two kinds, gives two marks."""

    def __init__(self, secret: str) -> None:
        """Raises ValueError for a secret that is too short."""
        if len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"the erasure secret must have {MIN_SECRET_LENGTH} characters or more")
        self._secret = secret.encode()

    def __call__(self, handle: Handle) -> str:
        """64 hex digits."""
        return self._keyed("handle", *handle)

    @property
    def fingerprint(self) -> str:
        """Tells two secrets apart, and neither of them."""
        return self._keyed("secret")

    def _keyed(self, *parts: str) -> str:
        return hmac.digest(self._secret, digest(*parts).encode(), hashlib.sha256).hex()
