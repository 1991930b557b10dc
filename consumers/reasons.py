"""Why a record is invalid, in words that repeat nothing of it."""

import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.tenants import TenantId

_FIELD_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)


def reason_of(error: ValidationError) -> str:
    """What is wrong first: a field's name and a kind of fault. A field that we do not know may be named anything."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "value"
    return f"{name if _FIELD_NAME.fullmatch(name) else '(unprintable name)'}: {first['type']}"


def legible_tenant(document: Any) -> str | None:
    """The tenant that a document names, if it names one rightly: then its dead letter is counted as that tenant's."""
    try:
        return _TENANT.validate_python(document["tenant_id"]) if isinstance(document, dict) else None
    except (KeyError, ValidationError):
        return None
