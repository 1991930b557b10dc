"""From a record of `intercom.events` to what it says. Pure: the same record always gives the same."""

from dataclasses import replace
from datetime import timedelta

from pydantic import ValidationError

from consumers.intercom.arrival import Arrival
from consumers.intercom.events import timeline_event
from consumers.intercom.parts import message_facts
from consumers.intercom.people import contacts_of, contacts_told_of, person_facts
from consumers.intercom.threads import attachment, deletion, thread_fact
from consumers.reasons import reason_of
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.runtime.records import legible_tenant, receipt_of
from schemas.intercom import INTERCOM_ENVELOPE, NOT_ONE, Conversation, IntercomEnvelope, Item, Notification
from schemas.json_values import UnstorableValueError
from service.conversations.incoming import Delivery

DELETED_TOPIC = "conversation.deleted"
EVENT_TOPIC = "event.created"
CONVERSATION, EVENT = "conversation", "event"
"""Types of items."""


def normalise(record: Record, tolerance: timedelta) -> Delivery:
    """What the record says; nothing in it happened more than `tolerance` after its arrival.

    Raises InvalidRecordError only. A notification about something else than people and conversations (a company, a
    ping, …) says nothing, and is none the less valid.
    """
    value = record.value
    if not value:
        raise InvalidRecordError("empty value")
    try:
        return _delivery(INTERCOM_ENVELOPE.validate_json(value), record, tolerance)
    except ValidationError as error:
        reason = _reason(error)
    except InvalidRecordError as error:
        reason = error.reason
    except UnstorableValueError as error:
        reason = f"metadata {error.message}"
    except Exception as error:  # noqa: BLE001 - whatever one record does to this code, its neighbours go on
        reason = f"cannot be normalised: {type(error).__name__}"
    raise InvalidRecordError(reason, legible_tenant(value))


def _delivery(envelope: IntercomEnvelope, record: Record, tolerance: timedelta) -> Delivery:
    tenant, received_at = envelope.tenant_id, record.timestamp
    arrival = Arrival(tenant, receipt_of(record, tenant), received_at, received_at + tolerance)
    if envelope.notification is not None:
        return _notification(envelope.notification, arrival)
    conversation = envelope.conversation
    if conversation is None or conversation.type not in (None, CONVERSATION):
        raise InvalidRecordError("conversation: must be a conversation")
    return _conversation(conversation, arrival)


def _notification(notification: Notification, arrival: Arrival) -> Delivery:
    item, topic = notification.data.item if notification.data else None, notification.topic or ""
    if item is None and not notification.type and not topic:
        raise InvalidRecordError("notification: must be a webhook notification")
    arrival = replace(arrival, topic=topic, told_at=notification.created_at)
    if _is_conversation(item, topic):
        return _conversation(item or Conversation(), arrival)
    if item is None:
        return Delivery(arrival.receipt, arrival.received_at)
    return Delivery(
        arrival.receipt,
        arrival.received_at,
        threads=attachment(item.conversation, item.contact, arrival) if item.conversation else (),
        persons=person_facts(contacts_told_of(item, topic), arrival),
        events=(timeline_event(item, arrival),) if topic == EVENT_TOPIC or item.type == EVENT else (),
    )


def _conversation(conversation: Conversation, arrival: Arrival) -> Delivery:
    if arrival.topic == DELETED_TOPIC or conversation.deleted:
        return Delivery(arrival.receipt, arrival.received_at, threads=(deletion(conversation, arrival),))
    conversation_id = conversation.id or conversation.conversation_id
    if conversation_id is None:
        raise InvalidRecordError("conversation: no id")
    return Delivery(
        arrival.receipt,
        arrival.received_at,
        messages=tuple(message_facts(conversation, conversation_id, arrival)),
        threads=(thread_fact(conversation, conversation_id, arrival),),
        persons=person_facts(contacts_of(conversation), arrival),
    )


def _is_conversation(item: Item | None, topic: str) -> bool:
    """Whether a notification is about a conversation, and not about something done to one."""
    if topic == DELETED_TOPIC or (item is not None and item.type == CONVERSATION):
        return True
    if item is None or not topic.startswith(CONVERSATION):
        return False
    return bool(item.source or item.conversation_message or item.parts)


def _reason(error: ValidationError) -> str:
    """One message is ours."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["msg"] if first["type"] == NOT_ONE else reason_of(error)
