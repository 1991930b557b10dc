"""A change told twice in one transaction: as an event in the contact's timeline, and as an outbox record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas.changes import CONTENT_TYPE, ChangeType
from schemas.events import Source
from schemas.timestamps import iso_millis
from schemas.topics import CONTACTS_CHANGES
from service.contacts.context import Caller
from service.contacts.model import Contact
from service.ids import new_event_id, new_traceparent
from service.outbox.envelope import envelope
from service.outbox.model import OutboxRecord
from service.ports import Repositories
from service.timeline.model import TimelineEvent


@dataclass(frozen=True, slots=True)
class Change:
    """What happened. `told` stays in the timeline after the contact is gone, so it names what changed without repeating
    personal values; `published` is what subscribers get."""

    type: ChangeType
    told: dict[str, Any]
    published: dict[str, Any]


Recorded = tuple[TimelineEvent, OutboxRecord]


async def record_changes(
    repositories: Repositories, caller: Caller, contact: Contact, changes: Sequence[Change]
) -> None:
    """Within the transaction that made them. `contact` is as they left it: its `sequence` is the last one's number."""
    await store_recorded(repositories, recorded(caller, contact, changes))


def recorded(caller: Caller, contact: Contact, changes: Sequence[Change]) -> list[Recorded]:
    """The changes of one contact, each told twice; see `record_changes`."""
    first = contact.sequence - len(changes) + 1
    numbered = [(new_event_id(), first + index, change) for index, change in enumerate(changes)]
    return [
        (change_event(caller, contact, event_id, change), change_record(caller, contact, event_id, sequence, change))
        for event_id, sequence, change in numbered
    ]


async def store_recorded(repositories: Repositories, told: Sequence[Recorded]) -> None:
    """Within the transaction that made the changes, of one contact or of several."""
    await repositories.events.insert([event for event, _ in told])
    await repositories.outbox.append([record for _, record in told])


def change_event(caller: Caller, contact: Contact, event_id: str, change: Change) -> TimelineEvent:
    """The change in the contact's timeline, at the contact's latest commit."""
    return TimelineEvent(
        event_id=event_id,
        tenant_id=caller.tenant_id,
        event=change.type.in_timeline,
        source=Source.CRM,
        timestamp=contact.committed_at,
        received_at=contact.committed_at,
        data={**change.told, "actor": caller.actor},
        contact_id=contact.contact_id,
    )


def change_record(caller: Caller, contact: Contact, event_id: str, sequence: int, change: Change) -> OutboxRecord:
    """The change as subscribers get it."""
    traceparent = caller.traceparent or new_traceparent()
    value = envelope(
        event_id,
        change.type.value,
        caller.tenant_id,
        contact.contact_id,
        iso_millis(contact.committed_at),
        change.published,
        sequence=sequence,
        traceparent=traceparent,
        requestid=caller.request_id,
        actor=caller.actor,
    )
    headers = [("content-type", CONTENT_TYPE), ("traceparent", traceparent)]
    if caller.request_id:
        headers.append(("x-request-id", caller.request_id))
    return OutboxRecord(
        record_id=event_id,
        tenant_id=caller.tenant_id,
        contact_id=contact.contact_id,
        sequence=sequence,
        topic=CONTACTS_CHANGES,
        value=value,
        headers=tuple(headers),
        committed_at=contact.committed_at,
    )
