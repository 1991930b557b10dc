"""One example of each event of the change feed, for its description. A test checks each against its schema."""

from typing import Any

from schemas.changes import SOURCE, ChangeType, dataschema_of
from schemas.examples import ACTION, CONTACT, EVENT, NOTE, Example

_STAGES: Example = {"before": "lead", "after": "customer"}
_CUSTOMER: Example = {
    **CONTACT,
    "properties": {**CONTACT["properties"], "lifecyclestage": "customer"},
    "last_activity_at": None,
    "version": 2,
}

CHANGES: dict[ChangeType, Example] = {
    ChangeType.CONTACT_CREATED: {"contact": {**CONTACT, "last_activity_at": None}},
    ChangeType.CONTACT_UPDATED: {"changed": {"lifecyclestage": _STAGES}, "contact": _CUSTOMER},
    ChangeType.CONTACT_LIFECYCLE_STAGE_CHANGED: {**_STAGES, "reason": "Signed.", "contact": _CUSTOMER},
    ChangeType.CONTACT_IDENTITY_LINKED: {
        "identity": {"kind": "visitor", "value": "v_4f7a1c"},
        "contact": {**CONTACT, "last_activity_at": None},
    },
    ChangeType.CONTACT_DELETED: {"contact_id": CONTACT["contact_id"]},
    ChangeType.CONTACT_ERASED: {"contact_id": CONTACT["contact_id"]},
    ChangeType.NOTE_CREATED: {"note": NOTE},
    ChangeType.NOTE_UPDATED: {"note": {**NOTE, "content": "Called, **very** keen."}},
    ChangeType.NOTE_DELETED: {"note_id": NOTE["note_id"]},
    ChangeType.ACTION_COMPLETED: {"action": ACTION},
}
"""The `data` of each type."""

TIMELINE_ENTRY: Example = {"event": EVENT, "linked_later": True, "shortened": False}
"""The `data` of what is on `contacts.timeline`."""


def cloud_event(kind: str, data: Any, sequence: int) -> Example:
    """A whole event with that data."""
    return {
        "specversion": "1.0",
        "id": "evt_01JD8Y5V0K6Y2Q0A7M3E9B4C1D",
        "source": SOURCE,
        "type": kind,
        "subject": CONTACT["contact_id"],
        "time": CONTACT["updated_at"],
        "datacontenttype": "application/json",
        "dataschema": dataschema_of(kind),
        "tenantid": "acme",
        "sequence": sequence,
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "requestid": "req_01JD8Y5V0K6Y2Q0A7M3E9B4C1D",
        "actor": NOTE["created_by"],
        "data": data,
    }
