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


def check_json(value: Any, *, max_depth: int, path: str = "") -> None:
    """Walk `value` (as a JSON parser gives it); `max_depth` counts containers, the outermost being 1.

    Raises UnstorableValueError for integers beyond int64, NaN and infinities, lone surrogates, NUL in a key, and
    nesting deeper than `max_depth`. Source: contract, "Contact object".
    """
    if isinstance(value, dict):
        _check_depth(max_depth, path)
        for key, item in value.items():
            check_key(key, path)
            check_json(item, max_depth=max_depth - 1, path=f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        _check_depth(max_depth, path)
        for index, item in enumerate(value):
            check_json(item, max_depth=max_depth - 1, path=f"{path}[{index}]")
    else:
        _check_scalar(value, path)


def check_key(key: str, path: str) -> None:
    """A key of any object: no NUL (MongoDB keys are C strings) and no lone surrogate."""
    if "\0" in key:
        raise UnstorableValueError(path, "must not have a key that contains a NUL character")
    if has_lone_surrogate(key):
        raise UnstorableValueError(path, "must not have a key that contains a lone surrogate")


def has_lone_surrogate(text: str) -> bool:
    """True where the text is no valid Unicode, so that it cannot be written as UTF-8."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _check_depth(left: int, path: str) -> None:
    if left < 1:
        raise UnstorableValueError(path, "is nested too deeply")


def _check_scalar(value: Any, path: str) -> None:
    if isinstance(value, str):
        if has_lone_surrogate(value):
            raise UnstorableValueError(path, "must be valid Unicode: it contains a lone surrogate")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UnstorableValueError(path, "must be a finite number")
    elif isinstance(value, int) and not INT64_MIN <= value <= INT64_MAX:
        raise UnstorableValueError(path, "must be an integer within 64 bits")
