"""Free JSON, given back as it was stored."""

from typing import Any

from bson import DBRef

_HOLDERS = (dict, list, DBRef)


def free_json(value: Any) -> Any:
    """What the driver read, as it was written.

    The driver makes a DBRef of every object with a `$ref` and a `$id`, which to whoever sent it is an object like any
    other, and it cannot be told not to. A null under `$db` is lost on the way.
    """
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return {key: free_json(item) if isinstance(item, _HOLDERS) else item for key, item in value.items()}
    if isinstance(value, list):
        return [free_json(item) if isinstance(item, _HOLDERS) else item for item in value]
    return value
