"""Between the core's objects and the documents that are stored."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas.events import Source
from schemas.scopes import Scope
from service.access.model import ApiKey
from service.contacts.listing_keys import ListingKeys, listing_keys
from service.contacts.model import Contact
from service.conversations.model import Direction
from service.identity.model import Association, Identity, IdentityKind
from service.mongo.free_json import free_json
from service.profile.conversed import Conversed, LastMessage
from service.profile.model import Device, Mark, Profile, Seen, with_conversed
from service.timeline.model import TimelineEvent

Document = dict[str, Any]


def identity_key(identity: Identity) -> Document:
    """An identity as `_id` of the registry. The order of the fields is part of the key."""
    return {"tenant_id": identity.tenant_id, "kind": str(identity.kind), "value": identity.value}


def identity_of(key: Mapping[str, str]) -> Identity:
    """The other way."""
    return Identity(key["tenant_id"], IdentityKind(key["kind"]), key["value"])


def identity_document(association: Association, now: datetime, *, open_task: bool = True) -> Document:
    """A row of the registry. Its link task stays until nothing is left to link."""
    return {
        "_id": identity_key(association.identity),
        "contact_id": association.contact_id,
        **({"link_task": association.link_task} if open_task else {}),
        "associated_at": now,
    }


def identity_text(identity: Identity) -> str:
    """An identity within its tenant, as events carry it: `visitor:v-1`."""
    return f"{identity.kind}:{identity.value}"


def contact_document(contact: Contact) -> Document:
    """A contact as stored, with what lists are sorted and searched by."""
    return {
        "_id": contact.contact_id,
        "tenant_id": contact.tenant_id,
        "email": contact.email,
        "properties": contact.properties,
        "visitor_ids": list(contact.visitor_ids),
        "company_ids": list(contact.company_ids),
        "segment_ids": list(contact.segment_ids),
        "creation_source": contact.creation_source,
        "enrichment_status": contact.enrichment_status,
        "enriched_at": contact.enriched_at,
        "enriched_by": contact.enriched_by,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "version": contact.version,
        "sequence": contact.sequence,
        "committed_at": contact.committed_at,
        "listing": _listing_document(listing_keys(contact)),
    }


def _listing_document(keys: ListingKeys) -> Document:
    # Without a job title there is no key: the index of job titles is partial.
    job_title = {"job_title": keys.job_title} if keys.job_title else {}
    return {"sort": keys.sort, "has_linkedin": keys.has_linkedin, "words": list(keys.words), **job_title}


def contact_of(document: Document) -> Contact:
    """The other way."""
    return Contact(
        contact_id=document["_id"],
        tenant_id=document["tenant_id"],
        email=document["email"],
        properties=free_json(document["properties"]),
        visitor_ids=tuple(document["visitor_ids"]),
        company_ids=tuple(document["company_ids"]),
        segment_ids=tuple(document["segment_ids"]),
        creation_source=document["creation_source"],
        enrichment_status=document["enrichment_status"],
        enriched_at=document.get("enriched_at"),
        enriched_by=document.get("enriched_by"),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        version=document["version"],
        sequence=document["sequence"],
        committed_at=document["committed_at"],
    )


def event_document(event: TimelineEvent, contact_id: str | None = None) -> Document:
    """An event as stored: without a contact it awaits one under its identities; absent fields are left out.

    `contact_id` is whose it turned out to be, for an event that does not say so itself.
    """
    owner = event.contact_id or contact_id
    document: Document = {
        "_id": event.event_id,
        "tenant_id": event.tenant_id,
        "event": event.event,
        "source": str(event.source),
        "timestamp": event.timestamp,
        "received_at": event.received_at,
        "data": event.data,
    }
    if event.url is not None:
        document["url"] = event.url
    if event.domain is not None:
        document["domain"] = event.domain
    if event.visitor_id is not None:
        document["visitor_id"] = event.visitor_id
    if event.session_id is not None:
        document["session_id"] = event.session_id
    if event.context:
        document["context"] = event.context
    if event.identities:
        document["identities"] = [identity_text(identity) for identity in event.identities]
    if owner is not None:
        document["contact_id"] = owner
    elif event.identities:
        document["awaiting"] = document["identities"]
    return document


def event_of(document: Document) -> TimelineEvent:
    """The other way."""
    get = document.get
    tenant_id = document["tenant_id"]
    return TimelineEvent(
        event_id=document["_id"],
        tenant_id=tenant_id,
        event=document["event"],
        source=Source(document["source"]),
        timestamp=document["timestamp"],
        received_at=document["received_at"],
        data=free_json(get("data", {})),
        identities=tuple(identity_in(tenant_id, text) for text in get("identities", ())),
        contact_id=get("contact_id"),
        url=get("url"),
        domain=get("domain"),
        visitor_id=get("visitor_id"),
        session_id=get("session_id"),
        context=get("context", {}),
    )


def identity_in(tenant_id: str, text: str) -> Identity:
    """The other way of `identity_text`."""
    kind, _, value = text.partition(":")
    return Identity(tenant_id, IdentityKind(kind), value)


def mark_document(mark: Mark | None) -> Document | None:
    """A mark as stored. `at` and `event_id` come first, so that MongoDB's $min and $max order marks as we do."""
    return {"at": mark.at, "event_id": mark.event_id, "value": mark.value} if mark else None


def _mark_of(document: Document | None) -> Mark | None:
    return Mark(document["at"], document["event_id"], document["value"]) if document else None


def device_document(device: Device) -> Document:
    """A device as stored. The order of the fields is part of a row's key."""
    return device._asdict()


def profile_of(document: Document) -> Profile:
    """A profile from its stored form."""
    profile = figures_of(document)
    return with_conversed(profile, profile.conversed)


SEEN = dict.fromkeys(("first_seen_at", "last_seen_at", "conversed.first_at", "conversed.last.at"), 1)
"""What `seen_of` needs of a stored profile."""


def seen_of(document: Document) -> Seen:
    """When the contact of a stored profile was active."""
    seen, conversed = Seen(document.get("first_seen_at"), document.get("last_seen_at")), document.get("conversed", {})
    return seen.with_conversed(conversed.get("first_at"), (conversed.get("last") or {}).get("at"))


def figures_of(document: Document) -> Profile:
    """A profile as it is stored: conversations stand beside the other figures, and are not yet among them."""
    get = document.get
    return Profile(
        sources=tuple(sorted(get("sources", ()))),
        page_views=get("page_views", 0),
        sessions=get("sessions", 0),
        device_count=get("device_count", 0),
        devices=tuple(Device(**device) for device in get("devices", ())),
        first_seen_at=get("first_seen_at"),
        last_seen_at=get("last_seen_at"),
        last_page=_mark_of(get("last_page")),
        first_referrer=_mark_of(get("first_referrer")),
        first_utm=_mark_of(get("first_utm")),
        last_utm=_mark_of(get("last_utm")),
        conversed=_conversed_of(get("conversed", {})),
    )


def figures_document(profile: Profile) -> Document:
    """The other way. What is absent is left out: MongoDB's $min would keep a null."""
    document: Document = {
        "sources": list(profile.sources),
        "page_views": profile.page_views,
        "sessions": profile.sessions,
        "device_count": profile.device_count,
        "devices": [device_document(device) for device in profile.devices],
        "first_seen_at": profile.first_seen_at,
        "last_seen_at": profile.last_seen_at,
        "last_page": mark_document(profile.last_page),
        "first_referrer": mark_document(profile.first_referrer),
        "first_utm": mark_document(profile.first_utm),
        "last_utm": mark_document(profile.last_utm),
        "conversed": conversed_document(profile.conversed),
    }
    return {name: value for name, value in document.items() if value is not None}


def conversed_document(figures: Conversed) -> Document:
    """The figures of conversations as stored with the profile."""
    last = figures.last
    return {
        "counts": {source.value: count for source, count in figures.counts.items()},
        "first_at": figures.first_at,
        "last": {"at": last.at, "direction": last.direction.value, "source": last.source.value} if last else None,
    }


def _conversed_of(document: Document) -> Conversed:
    last = document.get("last")
    return Conversed(
        counts={Source(source): count for source, count in document.get("counts", {}).items()},
        first_at=document.get("first_at"),
        last=LastMessage(last["at"], Direction(last["direction"]), Source(last["source"])) if last else None,
    )


def api_key_document(key: ApiKey) -> Document:
    """An API key as stored: a hash of the secret, never the secret."""
    return {
        "_id": key.key_id,
        "tenant_id": key.tenant_id,
        "name": key.name,
        "scopes": sorted(scope.value for scope in key.scopes),
        "secret_hash": key.secret_hash,
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        **({"origins": list(key.origins)} if key.origins else {}),
    }


def api_key_of(document: Document) -> ApiKey:
    """The other way. A scope of a later version's, which the key was given before a rollback, grants nothing here."""
    return ApiKey(
        key_id=document["_id"],
        tenant_id=document["tenant_id"],
        name=document["name"],
        scopes=frozenset(scope for scope in Scope if scope in document["scopes"]),
        secret_hash=document["secret_hash"],
        created_at=document["created_at"],
        revoked_at=document["revoked_at"],
        origins=tuple(document.get("origins", ())),
    )
