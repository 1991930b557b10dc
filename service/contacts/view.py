"""The contact object as clients and subscribers see it."""

from datetime import datetime
from typing import Any

from schemas.timestamps import iso_millis
from service.contacts.model import Contact
from service.profile.model import Profile, Seen


def contact_object(contact: Contact, profile: Profile | Seen | None) -> dict[str, Any]:
    """The fields of `schemas.contacts.Contact`, ready for JSON."""
    created_at, first_seen = iso_millis(contact.created_at), profile.first_seen_at if profile else None
    enriched = {"enriched_at": iso_or_none(contact.enriched_at), "enriched_by": contact.enriched_by}
    return {
        "contact_id": contact.contact_id,
        "_id": contact.contact_id,
        "email": contact.email,
        "properties": {**contact.properties, "email": contact.email},
        "visitor_ids": list(contact.visitor_ids),
        "associations": {"companies": list(contact.company_ids)},
        "segment_ids": list(contact.segment_ids),
        "creation_source": contact.creation_source,
        "enrichment_status": contact.enrichment_status,
        **(enriched if contact.enriched_at else {}),
        "first_seen_at": iso_millis(first_seen) if first_seen and first_seen < contact.created_at else created_at,
        "last_activity_at": iso_or_none(profile.last_seen_at if profile else None),
        "created_at": created_at,
        # Most contacts of a list have not been updated yet, and a moment is what costs most of this.
        "updated_at": iso_millis(contact.updated_at) if contact.updated_at != contact.created_at else created_at,
        "version": contact.version,
    }


def iso_or_none(moment: datetime | None) -> str | None:
    """ISO 8601 UTC with milliseconds, or None."""
    return None if moment is None else iso_millis(moment)
