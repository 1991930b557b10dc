"""A change told twice in one transaction: as an event in the contact's timeline, and as an outbox record."""

from typing import Any

import orjson

from schemas.changes import CONTENT_TYPE, SOURCE, ChangeType, dataschema_of
from schemas.events import Source
from schemas.timestamps import iso_millis
from schemas.topics import CONTACTS_CHANGES
from service.contacts.context import Caller
from service.contacts.model import Contact
from service.outbox.model import OutboxRecord
from service.ports import Repositories
from service.timeline.model import TimelineEvent


async def record_change(
    repositories: Repositories,
    caller: Caller,
    contact: Contact,
    change: ChangeType,
    event_id: str,
    timeline_data: dict[str, Any],
    published_data: dict[str, Any],
) -> None:
    """Within the transaction that made it. `contact` is as the change left it: its `sequence` numbers the record.

    `timeline_data` outlives the contact, so it names what changed without repeating personal values.
    """
    event = TimelineEvent(
        event_id=event_id,
        tenant_id=caller.tenant_id,
        event=change.value.replace(".", "_"),
        source=Source.CRM,
        timestamp=contact.committed_at,
        received_at=contact.committed_at,
        data={**timeline_data, "actor": caller.actor},
        contact_id=contact.contact_id,
    )
    await repositories.events.insert([event])
    await repositories.outbox.append(outbox_record(caller, contact, change, event_id, published_data))


def outbox_record(
    caller: Caller, contact: Contact, change: ChangeType, event_id: str, data: dict[str, Any]
) -> OutboxRecord:
    """The CloudEvent of a change, as it will be published."""
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": change.value,
        "subject": contact.contact_id,
        "time": iso_millis(contact.committed_at),
        "datacontenttype": "application/json",
        "dataschema": dataschema_of(change),
        "tenantid": caller.tenant_id,
        "sequence": contact.sequence,
        "requestid": caller.request_id,
        "actor": caller.actor,
        "data": data,
    }
    headers = [("content-type", CONTENT_TYPE)]
    if caller.request_id:
        headers.append(("x-request-id", caller.request_id))
    return OutboxRecord(
        record_id=event_id,
        tenant_id=caller.tenant_id,
        contact_id=contact.contact_id,
        sequence=contact.sequence,
        topic=CONTACTS_CHANGES,
        # CloudEvents: an attribute without a value is absent, never null.
        value=orjson.dumps({name: value for name, value in body.items() if value is not None}),
        headers=tuple(headers),
        committed_at=contact.committed_at,
    )
