"""Timeline events as the core knows them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from schemas.events import Source
from service.identity.model import Identity, IdentityKind

VISITOR_CONFLICT = "visitor_conflict"
"""In the context of an event that went to the contact of its external id, while its visitor id is another's."""


@dataclass(slots=True)
class TimelineEvent:
    """A fact, stored once under `event_id`; never changed once made (frozen would triple what making one costs).

    `identities` are all it was seen under, the strongest first: the first that has a contact decides whose it is.
    `contact_id` is given for our own changes only; for events from sources the registry decides.
    `timestamp` and `received_at` are in UTC, to the millisecond.
    """

    event_id: str
    tenant_id: str
    event: str
    source: Source
    timestamp: datetime
    received_at: datetime
    data: dict[str, Any]
    identities: tuple[Identity, ...] = ()
    contact_id: str | None = None
    url: str | None = None
    domain: str | None = None
    visitor_id: str | None = None
    session_id: str | None = None
    context: dict[str, Any] = field(default_factory=dict)

    def disputed(self, owners: Mapping[Identity, str], contact_id: str) -> bool:
        """Whether a visitor id of it belongs to another contact than the one that it went to."""
        return any(
            one.kind is IdentityKind.VISITOR and owners.get(one, contact_id) != contact_id for one in self.identities
        )


class Portion(NamedTuple):
    """Some events of many, and whether there may be more."""

    events: list[TimelineEvent]
    more: bool


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch: each event is exactly one of these."""

    stored: int = 0
    parked: int = 0
    """New as well, and without a contact when they came."""
    duplicates: int = 0
    erased: int = 0
    """Not stored, since they tell of somebody who was erased."""
    linked: int = 0
    """Of all of them, how many are in a contact's timeline now and were not before."""
