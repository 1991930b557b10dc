"""Why a record is invalid, in words that repeat nothing of it."""

import re

from pydantic import ValidationError

_FIELD_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")


def reason_of(error: ValidationError) -> str:
    """What is wrong first: a field's name and a kind of fault. A field that we do not know may be named anything."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "not valid JSON"
    name = str(first["loc"][0]) if first["loc"] else "value"
    return f"{name if _FIELD_NAME.fullmatch(name) else '(unprintable name)'}: {first['type']}"
