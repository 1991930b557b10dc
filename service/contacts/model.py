"""Contacts as the core knows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Contact:
    """A person in one tenant's CRM.

    `version` counts changes of properties, identities and associations. `sequence` counts the change events published
    for it, and `committed_at` is the latest of their times (it never decreases; see OutboxRecord).
    """

    contact_id: str
    tenant_id: str
    email: str
    properties: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    committed_at: datetime
    visitor_ids: tuple[str, ...] = ()
    company_ids: tuple[str, ...] = ()
    segment_ids: tuple[str, ...] = ()
    creation_source: str = "api"
    enrichment_status: str = "not_enriched"
    enriched_at: datetime | None = None
    enriched_by: str | None = None
    version: int = 1
    sequence: int = 1
