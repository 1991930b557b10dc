"""Free JSON, given back as it was stored."""

from collections.abc import Iterable
from typing import Any

from bson import DBRef

_HOLDERS = frozenset({dict, list, DBRef})


def free_json(value: Any) -> Any:
    """What the driver read, as it was written.

    The driver makes a DBRef of every object with a `$ref` and a `$id`, which to whoever sent it is an object like any
    other, and it cannot be told not to. A null under `$db` is lost on the way.
    """
    if isinstance(value, DBRef):
        value = dict(value.as_doc())
    if isinstance(value, dict):
        return value if _flat(value.values()) else {key: free_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return value if _flat(value) else [free_json(item) for item in value]
    return value


def _flat(items: Iterable[object]) -> bool:
    """Most objects are, and there is nothing to do: a page of contacts asks twenty times."""
    return _HOLDERS.isdisjoint(map(type, items))
