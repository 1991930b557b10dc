"""What goes to `contacts.snapshot`: the whole contact after its latest change, derived from the change itself.

So a snapshot needs no record of its own in the outbox, is published in the transaction of its change, and keeps the
order of the contact's shard. Of several changes in one batch only the last one's is published.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from schemas.changes import CONTENT_TYPE, ChangeType
from schemas.snapshots import SNAPSHOT_TYPE, TENANT_HEADER
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.outbox.envelope import envelope
from service.outbox.model import OutboxRecord


def with_snapshots(records: Sequence[OutboxRecord]) -> list[OutboxRecord]:
    """A batch of the outbox as it is published: its changes in order, then each changed contact's latest snapshot."""
    changes: list[OutboxRecord] = []
    snapshots: dict[str, OutboxRecord] = {}
    for record in records:
        if record.topic == CONTACTS_SNAPSHOT:
            snapshots[record.contact_id] = record
            continue
        changes.append(record)
        if record.topic == CONTACTS_CHANGES and (derived := _snapshot_after(record)):
            snapshots[record.contact_id] = derived
    return [*changes, *snapshots.values()]


def snapshot(
    tenant_id: str, contact: dict[str, Any], sequence: int, time: str, record_id: str, committed_at: datetime
) -> OutboxRecord:
    """A contact object as it was after its event `sequence`, at `time`."""
    contact_id = contact["contact_id"]
    event_id = f"{contact_id}.{sequence}"
    value = envelope(event_id, SNAPSHOT_TYPE, tenant_id, contact_id, time, {"contact": contact}, sequence=sequence)
    return OutboxRecord(
        record_id=record_id,
        tenant_id=tenant_id,
        contact_id=contact_id,
        sequence=sequence,
        topic=CONTACTS_SNAPSHOT,
        value=value,
        headers=(("content-type", CONTENT_TYPE), (TENANT_HEADER, tenant_id)),
        committed_at=committed_at,
    )


def _snapshot_after(record: OutboxRecord) -> OutboxRecord | None:
    """What the change leaves of the contact; None where it leaves it as it was (a note, an action), or is no event."""
    if ("content-type", CONTENT_TYPE) not in record.headers:
        return None
    event = orjson.loads(record.value)
    if event.get("type") in (ChangeType.CONTACT_DELETED, ChangeType.CONTACT_ERASED):
        return tombstone_of(replace(record, topic=CONTACTS_SNAPSHOT))
    contact = event.get("data", {}).get("contact")
    if contact is None:
        return None
    return snapshot(record.tenant_id, contact, record.sequence, event["time"], record.record_id, record.committed_at)


def tombstone_of(record: OutboxRecord) -> OutboxRecord:
    """Kafka's tombstone in a record's place."""
    return replace(record, value=b"", headers=((TENANT_HEADER, record.tenant_id),))


def tombstone(tenant_id: str, contact_id: str, sequence: int, record_id: str, committed_at: datetime) -> OutboxRecord:
    """What says that a contact is gone."""
    return tombstone_of(
        OutboxRecord(record_id, tenant_id, contact_id, sequence, CONTACTS_SNAPSHOT, b"", (), committed_at)
    )
