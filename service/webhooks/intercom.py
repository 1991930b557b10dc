"""Intercom's signature: `X-Hub-Signature: sha1=<HMAC-SHA1 of the raw body, keyed with the app's client secret>`."""

import hmac

_PREFIX = b"sha1="


def signature_matches(secret: str, body: bytes, header: str | None) -> bool:
    """Whether the header signs exactly these bytes. An empty secret signs nothing.

    The time it takes tells nothing about the right signature.
    """
    if not secret or header is None:
        return False
    right = hmac.new(secret.encode("utf-8", "surrogatepass"), body, "sha1").hexdigest()
    # As bytes: compare_digest refuses text that is not ASCII, and a header may be anything.
    return hmac.compare_digest(header.encode("utf-8", "surrogatepass"), _PREFIX + right.encode())
