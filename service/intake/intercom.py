"""Intercom's webhooks: authenticated by their signature, they are put on `intercom.events` as they are.

The signature: `X-Hub-Signature: sha1=<HMAC-SHA1 of the raw body, keyed with the app's client secret>`.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from schemas.events import Source
from schemas.topics import INTERCOM_EVENTS
from service.contacts.context import Caller
from service.intake.model import InboundRecord
from service.intake.ports import InboundPublisher
from service.ports import Store

_NOBODYS_SECRET = secrets.token_hex(32)
_PREFIX = b"sha1="


class IntercomIntake:
    """The use-case behind `POST /v1/webhooks/intercom/:tenant`."""

    def __init__(self, store: Store, publisher: InboundPublisher) -> None:
        self._store = store
        self._publisher = publisher

    async def authentic(self, tenant_id: str, body: bytes, signature: str | None) -> bool:
        """Whether the tenant's secret signed the body. Takes the same steps for a tenant without one."""
        secret = await self._store.webhook_secrets.get(tenant_id, Source.INTERCOM.value)
        matches = signature_matches(secret or _NOBODYS_SECRET, body, signature)
        return matches and secret is not None

    async def __call__(self, caller: Caller, body: bytes, notification: Mapping[str, Any]) -> None:
        """Kafka has it on return. `body` is what `notification` was read from. Raises StreamUnavailableError."""
        # A tenant id has nothing that JSON would escape, and the body stays as it was signed, to the letter.
        value = b'{"tenant_id":"%b","notification":%b}' % (caller.tenant_id.encode(), body)
        key = key_of_notification(notification)
        await self._publisher.publish(
            [InboundRecord(INTERCOM_EVENTS, key, value, caller.request_id, caller.traceparent)]
        )


def signature_matches(secret: str, body: bytes, header: str | None) -> bool:
    """Whether the header signs exactly these bytes. An empty secret signs nothing.

    The time it takes tells nothing about the right signature.
    """
    if not secret or header is None:
        return False
    right = hmac.new(secret.encode("utf-8", "surrogatepass"), body, "sha1").hexdigest()
    # As bytes: compare_digest refuses text that is not ASCII, and a header may be anything.
    return hmac.compare_digest(header.encode("utf-8", "surrogatepass"), _PREFIX + right.encode())


def key_of_notification(notification: Mapping[str, Any]) -> bytes | None:
    """The key of a notification's record."""
    data = notification.get("data")
    return key_of_item(data.get("item") if isinstance(data, dict) else None)


def key_of_item(item: Any) -> bytes | None:
    """The conversation's id, else the contact's: what is told of one of them stays in order."""
    if not isinstance(item, dict):
        return None
    contact = item.get("contact") or item.get("user")
    inner = contact.get("id") if isinstance(contact, dict) else None
    found = next((one for one in (item.get("conversation_id"), item.get("id"), inner) if _is_id(one)), None)
    return None if found is None else str(found).encode("utf-8", "replace")


def _is_id(value: Any) -> bool:
    return (isinstance(value, str) and bool(value)) or (isinstance(value, int) and not isinstance(value, bool))
