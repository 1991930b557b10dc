"""From a tracked event (`event.created`) to a timeline event. Pure."""

import orjson

from consumers.intercom.arrival import Arrival
from consumers.intercom.people import email_of
from consumers.runtime.outcomes import InvalidRecordError
from schemas.events import Source
from schemas.intercom import Item
from schemas.json_values import check_json
from schemas.tracker import MAX_DATA_NESTING
from service.conversations.incoming import digest
from service.identity.model import Identity, IdentityKind
from service.timeline.model import TimelineEvent

MAX_EVENT_NAME_LENGTH = 256


def timeline_event(item: Item, arrival: Arrival) -> TimelineEvent:
    """The event, of whoever has the e-mail address that it tells. Raises UnstorableValueError for its metadata."""
    if not item.event_name or len(item.event_name) > MAX_EVENT_NAME_LENGTH:
        raise InvalidRecordError(f"event: must have a name of 1 to {MAX_EVENT_NAME_LENGTH} characters")
    data = item.metadata or {}
    check_json(data, max_depth=MAX_DATA_NESTING)
    email = email_of(item)
    return TimelineEvent(
        event_id=_event_id(item, arrival.tenant_id),
        tenant_id=arrival.tenant_id,
        event=item.event_name,
        source=Source.INTERCOM,
        timestamp=arrival.moment(item.created_at),
        received_at=arrival.received_at,
        data=data,
        identities=(Identity(arrival.tenant_id, IdentityKind.EMAIL, email),) if email else (),
    )


def _event_id(item: Item, tenant_id: str) -> str:
    """`evt_` + 32 hex digits, of the event's own id, else of its content."""
    identity = [item.id] if item.id is not None else _content(item)
    return f"evt_{digest(tenant_id, 'intercom', 'event', *identity)[:32]}"


def _content(item: Item) -> list[str]:
    told = [item.event_name, item.created_at, item.intercom_user_id, item.user_id, item.email, item.metadata]
    # Two parts, where an id is one: no id can spell some content.
    return ["content", orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()]
