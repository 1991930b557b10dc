"""What goes to `contacts.snapshot`: the whole contact after its latest change, derived from the change itself.

So a snapshot needs no record of its own in the outbox, is published in the transaction of its change, and keeps the
order of the contact's shard. Of several changes in one batch only the last one's is published.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from schemas.changes import CONTENT_TYPE, DATA_CONTENT_TYPE, SOURCE, ChangeType, dataschema_of
from schemas.snapshots import SNAPSHOT_TYPE, TENANT_HEADER
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
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
    event = {
        "specversion": "1.0",
        "id": f"{contact_id}.{sequence}",
        "source": SOURCE,
        "type": SNAPSHOT_TYPE,
        "subject": contact_id,
        "time": time,
        "datacontenttype": DATA_CONTENT_TYPE,
        "dataschema": dataschema_of(SNAPSHOT_TYPE),
        "tenantid": tenant_id,
        "sequence": sequence,
        "data": {"contact": contact},
    }
    return OutboxRecord(
        record_id=record_id,
        tenant_id=tenant_id,
        contact_id=contact_id,
        sequence=sequence,
        topic=CONTACTS_SNAPSHOT,
        value=orjson.dumps(event),
        headers=(("content-type", CONTENT_TYPE), (TENANT_HEADER, tenant_id)),
        committed_at=committed_at,
    )


def _snapshot_after(record: OutboxRecord) -> OutboxRecord | None:
    """What the change leaves of the contact; None where it leaves it as it was (a note, an action), or is no event."""
    if ("content-type", CONTENT_TYPE) not in record.headers:
        return None
    event = orjson.loads(record.value)
    if event.get("type") in (ChangeType.CONTACT_DELETED, ChangeType.CONTACT_ERASED):
        return tombstone(record.tenant_id, record.contact_id, record.sequence, record.record_id, record.committed_at)
    contact = event.get("data", {}).get("contact")
    if contact is None:
        return None
    return snapshot(record.tenant_id, contact, record.sequence, event["time"], record.record_id, record.committed_at)


def tombstone(tenant_id: str, contact_id: str, sequence: int, record_id: str, committed_at: datetime) -> OutboxRecord:
    """What says that a contact is gone."""
    return OutboxRecord(
        record_id=record_id,
        tenant_id=tenant_id,
        contact_id=contact_id,
        sequence=sequence,
        topic=CONTACTS_SNAPSHOT,
        value=b"",
        headers=((TENANT_HEADER, tenant_id),),
        committed_at=committed_at,
    )
