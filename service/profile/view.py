"""The unified profile as clients see it."""

from typing import Any

from schemas.timestamps import iso_millis
from service.contacts.model import Contact
from service.contacts.view import iso_or_none
from service.profile.conversed import LastMessage
from service.profile.model import Mark, Profile


def profile_object(contact: Contact, profile: Profile | None) -> dict[str, Any]:
    """The fields of `schemas.profile.UnifiedProfile`, ready for JSON."""
    figures = profile or Profile()
    named = contact.properties.get
    return {
        "name": _joined(" ", named("firstname"), named("lastname")),
        "email": contact.email,
        "company": named("company"),
        "job_title": named("jobtitle"),
        "location": _joined(", ", named("city"), named("state"), named("country")),
        "linkedin_url": named("linkedin_url"),
        "lifecycle_stage": named("lifecyclestage"),
        "sources": list(figures.sources),
        "first_seen_at": iso_or_none(figures.first_seen_at),
        "last_seen_at": iso_or_none(figures.last_seen_at),
        "sessions": figures.sessions,
        "page_views": figures.page_views,
        "device_count": figures.device_count,
        "devices": [device._asdict() for device in figures.devices],
        "last_page": _seen(figures.last_page),
        "first_referrer": _seen(figures.first_referrer),
        "first_utm": _seen(figures.first_utm),
        "last_utm": _seen(figures.last_utm),
        "conversations": {source.value: count for source, count in figures.conversed.counts.items()},
        "last_message": _last_message(figures.conversed.last),
    }


def _joined(separator: str, *parts: str | None) -> str | None:
    return separator.join(part for part in parts if part) or None


def _seen(mark: Mark | None) -> dict[str, Any] | None:
    return {"at": iso_millis(mark.at), "value": mark.value} if mark else None


def _last_message(last: LastMessage | None) -> dict[str, Any] | None:
    if last is None:
        return None
    return {"at": iso_millis(last.at), "direction": last.direction.value, "source": last.source.value}
