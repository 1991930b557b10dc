"""Free JSON that is stored as given: what is refused because it could not be given back exactly."""

import math
from typing import Any

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


class UnstorableValueError(ValueError):
    """A JSON value that the store cannot give back exactly, or that breaks a limit. `path` says where it is, within
    what was checked."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


_Place = str | tuple["_Place", str | int]
"""Where a value is: within what, and the key or index there. Written out for a fault only: a long key would be copied
for each value under it."""


def check_json(value: Any, *, max_depth: int, path: str = "") -> None:
    """Walk `value` (as a JSON parser gives it); `max_depth` counts containers, the outermost being 1.

    Raises UnstorableValueError for integers beyond int64, NaN and infinities, lone surrogates, NUL in a key, and
    nesting deeper than `max_depth`. Source: contract, "Contact object".
    """
    _check(value, max_depth, path)


def _check(value: Any, depth: int, place: _Place) -> None:
    if isinstance(value, dict):
        _check_depth(depth, place)
        for key, item in value.items():
            _check_key(key, place)
            _check(item, depth - 1, (place, key))
    elif isinstance(value, list):
        _check_depth(depth, place)
        for index, item in enumerate(value):
            _check(item, depth - 1, (place, index))
    else:
        _check_scalar(value, place)


def _path(place: _Place) -> str:
    if isinstance(place, str):
        return place
    outer, step = _path(place[0]), place[1]
    if isinstance(step, int):
        return f"{outer}[{step}]"
    return f"{outer}.{step}" if outer else step


def _check_key(key: str, place: _Place) -> None:
    """A key of any object: no NUL (MongoDB keys are C strings) and no lone surrogate."""
    if "\0" in key:
        raise UnstorableValueError(_path(place), "must not have a key that contains a NUL character")
    if has_lone_surrogate(key):
        raise UnstorableValueError(_path(place), "must not have a key that contains a lone surrogate")


def has_lone_surrogate(text: str) -> bool:
    """True where the text is no valid Unicode, so that it cannot be written as UTF-8."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _check_depth(left: int, place: _Place) -> None:
    if left < 1:
        raise UnstorableValueError(_path(place), "is nested too deeply")


def _check_scalar(value: Any, place: _Place) -> None:
    if isinstance(value, str):
        if has_lone_surrogate(value):
            raise UnstorableValueError(_path(place), "must be valid Unicode: it contains a lone surrogate")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UnstorableValueError(_path(place), "must be a finite number")
    elif isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise UnstorableValueError(_path(place), "must be an integer within 64 bits")
