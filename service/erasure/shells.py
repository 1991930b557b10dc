"""What is left of a record in the outbox: its place in its contact's sequence. Pure."""

from dataclasses import replace

import orjson

from schemas.changes import CONTENT_TYPE, ChangeType, dataschema_of
from schemas.topics import CONTACTS_CHANGES
from service.outbox.model import OutboxRecord
from service.outbox.snapshots import tombstone_of

_KEPT = ("specversion", "id", "source", "subject", "time", "datacontenttype", "tenantid", "sequence", "traceparent")
_HEADERS = ("content-type", "traceparent")


def shell_of(record: OutboxRecord) -> OutboxRecord:
    """Of a change, `contact.erased` under the id and sequence that it had; of anything else, Kafka's tombstone.

    Itself where it is one already.
    """
    if record.topic != CONTACTS_CHANGES:
        return tombstone_of(record)
    event = orjson.loads(record.value)
    if event["type"] == ChangeType.CONTACT_ERASED:
        return record
    shell = {name: event[name] for name in _KEPT if name in event} | {
        "type": ChangeType.CONTACT_ERASED.value,
        "dataschema": dataschema_of(ChangeType.CONTACT_ERASED),
        "data": {"contact_id": record.contact_id},
    }
    headers = tuple(header for header in record.headers if header[0] in _HEADERS)
    return replace(record, value=orjson.dumps(shell), headers=headers or (("content-type", CONTENT_TYPE),))
