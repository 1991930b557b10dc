"""What the doors for sources need: somewhere to publish, and the secrets of webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from service.errors import StreamUnavailableError
from service.intake.model import InboundRecord


class InboundPublisher(Protocol):
    """Puts records on their topics. `service.kafka` has the one that does."""

    async def publish(self, records: Sequence[InboundRecord]) -> None:
        """On return Kafka has all of them, on every replica that must have them.

        Raises StreamUnavailableError within a few seconds; whether Kafka has any of them is then unknown, and sending
        them again is right: consumers store each event once.
        """
        ...


class NoPublisher:
    """For processes without a door: everything is refused."""

    async def publish(self, records: Sequence[InboundRecord]) -> None:  # noqa: ARG002 - the port's signature
        """See InboundPublisher."""
        raise StreamUnavailableError("this process publishes nothing")


class WebhookSecrets(Protocol):
    """The secret that a tenant shares with a source. Kept as it is: an HMAC cannot be checked with a hash of it."""

    async def put(self, tenant_id: str, source: str, secret: str, now: datetime) -> None:
        """Keep it, in the place of the one before."""
        ...

    async def get(self, tenant_id: str, source: str) -> str | None: ...

    async def remove(self, tenant_id: str, source: str) -> bool:
        """False if there is none."""
        ...

    async def tenants(self, source: str) -> list[tuple[str, datetime]]:
        """Who has one, and since when, by tenant; never the secret."""
        ...
