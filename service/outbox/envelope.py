"""The CloudEvents envelope of everything that the service tells of a contact. Pure."""

from typing import Any

import orjson

from schemas.changes import DATA_CONTENT_TYPE, SOURCE, dataschema_of


def envelope(
    event_id: str, kind: str, tenant_id: str, contact_id: str, time: str, data: dict[str, Any], **extensions: Any
) -> bytes:
    """An event, the same to the byte whenever it is made of the same. CloudEvents: an attribute without a value is
    absent, never null."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": kind,
            "subject": contact_id,
            "time": time,
            "datacontenttype": DATA_CONTENT_TYPE,
            "dataschema": dataschema_of(kind),
            "tenantid": tenant_id,
            **{name: value for name, value in extensions.items() if value is not None},
            "data": data,
        }
    )
