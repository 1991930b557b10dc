"""From a record of `tracker.events` to a timeline event. Pure: the same record always gives the same event."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from consumers.reasons import reason_of
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.runtime.records import legible_tenant
from consumers.tracker.referral import campaign_in, host_of, referring_domain
from consumers.tracker.user_agent import describe
from schemas.events import Source
from schemas.json_values import UnstorableValueError, check_json
from schemas.timestamps import to_utc_millis
from schemas.tracker import MAX_DATA_NESTING, TEXT_IDS, TRACKER_ENVELOPE, TrackerEnvelope
from schemas.visitor_ids import MAX_IDENTITY_LENGTH, is_junk_identity
from service.identity.model import Identity, IdentityKind
from service.profile.model import utm_of
from service.timeline.model import TimelineEvent

VISITOR_REFUSED = "visitor_id_refused"
EXTERNAL_REFUSED = "external_contact_id_refused"

# Looking a member up on its class costs more than using it; these are needed for every event.
_TRACKER, _EXTERNAL, _VISITOR = Source.TRACKER, IdentityKind.EXTERNAL, IdentityKind.VISITOR


def normalise(record: Record, tolerance: timedelta) -> TimelineEvent:
    """The event, which may claim to have happened `tolerance` after its arrival. Raises InvalidRecordError only."""
    value = record.value
    if not value:
        raise InvalidRecordError("empty value")
    try:
        envelope = TRACKER_ENVELOPE.validate_json(value)
        data = envelope.data or {}
        if data:
            check_json(data, max_depth=MAX_DATA_NESTING)
        return _event(envelope, data, value, record.timestamp, tolerance)
    except ValidationError as error:
        raise InvalidRecordError(reason_of(error), legible_tenant(value)) from None
    except UnstorableValueError as error:
        raise InvalidRecordError(f"data {error.message}", envelope.tenant_id) from None
    except OverflowError:
        raise InvalidRecordError("timestamp: must lie in the years 1 to 9999", legible_tenant(value)) from None
    except Exception as error:  # noqa: BLE001 - whatever one record does to this code, its neighbours go on
        raise InvalidRecordError(f"cannot be normalised: {type(error).__name__}", legible_tenant(value)) from None


def event_id(envelope: TrackerEnvelope, value: bytes) -> str:
    """`evt_` + 32 hex digits: the same for every delivery of one event, and never shared between tenants.

    Made of `message_id`, else of the canonical content (the JSON as sent, keys sorted).
    """
    if envelope.message_id is not None:
        return event_id_of_message(envelope.tenant_id, envelope.message_id)
    content = orjson.loads(value)
    # This parser makes a float of an integer beyond 64 bits, the same of neighbours. Only an id can be one here.
    content |= {name: getattr(envelope, name) for name in TEXT_IDS if isinstance(content.get(name), float)}
    return _hashed_id(envelope.tenant_id, b"c", orjson.dumps(content, option=orjson.OPT_SORT_KEYS))


def event_id_of_message(tenant_id: str, message_id: str) -> str:
    """The id of the event that the producer calls `message_id`."""
    return _hashed_id(tenant_id, b"m", message_id.encode())


def _hashed_id(tenant_id: str, kind: bytes, identity: bytes) -> str:
    # Neither a tenant id nor "tracker" can hold a NUL, so no two different triples give the same bytes.
    digest = hashlib.sha256(b"\0".join((tenant_id.encode(), b"tracker", kind + identity)))
    return f"evt_{digest.hexdigest()[:32]}"


def _event(
    envelope: TrackerEnvelope, data: dict[str, Any], value: bytes, received_at: datetime, tolerance: timedelta
) -> TimelineEvent:
    tenant = envelope.tenant_id
    domain = envelope.domain or host_of(envelope.url)
    context = _context(envelope, data, domain)
    return TimelineEvent(
        event_id=event_id(envelope, value),
        tenant_id=tenant,
        event=envelope.event,
        source=_TRACKER,
        timestamp=_timestamp(envelope.timestamp, received_at, tolerance),
        received_at=received_at,
        data=data,
        identities=_identities(envelope, context),
        url=envelope.url,
        domain=domain,
        visitor_id=envelope.visitorId,
        session_id=envelope.sessionId,
        context=context,
    )


def _timestamp(sent: datetime | None, received_at: datetime, tolerance: timedelta) -> datetime:
    if sent is None:
        return received_at
    return min(to_utc_millis(sent), received_at + tolerance)


def _identities(envelope: TrackerEnvelope, context: dict[str, Any]) -> tuple[Identity, ...]:
    """Strongest first. One that names nobody is left out, and said so in the context."""
    external, visitor = envelope.external_contact_id, envelope.visitorId
    found: tuple[Identity, ...] = ()
    if external is not None:
        found = _identity(envelope.tenant_id, _EXTERNAL, external, context, EXTERNAL_REFUSED)
    if visitor is not None:
        found += _identity(envelope.tenant_id, _VISITOR, visitor, context, VISITOR_REFUSED)
    return found


def _identity(
    tenant_id: str, kind: IdentityKind, sent: str, context: dict[str, Any], refused: str
) -> tuple[Identity, ...]:
    trimmed = sent.strip()
    if len(trimmed) <= MAX_IDENTITY_LENGTH and not is_junk_identity(trimmed):
        return (Identity(tenant_id, kind, trimmed),)
    context[refused] = True
    return ()


def _context(envelope: TrackerEnvelope, data: dict[str, Any], domain: str | None) -> dict[str, Any]:
    """What else was sent, and what follows from it."""
    context: dict[str, Any] = {}
    if envelope.ga_user_id is not None:
        context["ga_user_id"] = envelope.ga_user_id
    if envelope.userAgent is not None:
        context["user_agent"] = envelope.userAgent
        if envelope.userAgent:
            context.update(describe(envelope.userAgent))
    if envelope.referrer is not None:
        context["referrer"] = envelope.referrer
        referring = referring_domain(envelope.referrer, domain)
        if referring is not None:
            context["referring_domain"] = referring
    if envelope.screenResolution is not None:
        context["screen_resolution"] = envelope.screenResolution
    campaign = campaign_in(envelope.url) if envelope.url else None
    if campaign and not utm_of(data.get("utmParams")) and (utm := utm_of(campaign)):
        context["utm"] = utm
    return context
