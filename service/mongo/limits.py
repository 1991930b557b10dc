"""How long a query of a list may look, and what it comes to if that is not enough."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import ExecutionTimeout, OperationFailure

from service.errors import TooSlowError
from service.mongo.errors import translated

LIST_MS = 5_000
"""No query of a list looks longer than this; then TooSlowError."""
_SORT_NEEDS_TOO_MUCH_MEMORY = 292


@contextmanager
def in_time() -> Iterator[None]:
    """The driver's errors in the core's words; TooSlowError for a query that found too much to look through."""
    with translated():
        try:
            yield
        except OperationFailure as error:
            if isinstance(error, ExecutionTimeout) or error.code == _SORT_NEEDS_TOO_MUCH_MEMORY:
                raise TooSlowError from error
            raise
