"""The driver's errors in the core's words. Their texts hold keys and addresses, so no text is carried over."""

from collections.abc import Iterator
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.errors import DuplicateKeyError as DriverDuplicateKeyError

from service.errors import ContendedError, DuplicateKeyError, RefusedDocumentError, StoreError, StoreUnavailableError

_DUPLICATE_KEY = 11000
# BadValue, Overflow (too deep), DollarPrefixedFieldName, DottedFieldName, BSONObjectTooLarge (four ways of saying it)
_REFUSED = frozenset([2, 15, 52, 57, 10334, 16493, 17419, 17420])


class TransientTransactionError(StoreError):
    """The transaction did not happen and may be tried again; `final` is what it comes to if it never succeeds."""

    def __init__(self, final: StoreError) -> None:
        super().__init__()
        self.final = final


@contextmanager
def translated() -> Iterator[None]:
    """Raise the core's errors for the driver's."""
    try:
        yield
    except PyMongoError as error:
        raise in_core_words(error) from error
    except (BSONError, OverflowError, UnicodeError, RecursionError) as error:
        raise RefusedDocumentError from error


def in_core_words(error: PyMongoError) -> StoreError:
    """The core's error for one of the driver's."""
    plain = _plain(error)
    if error.has_error_label("TransientTransactionError"):
        return TransientTransactionError(plain if isinstance(plain, StoreUnavailableError) else ContendedError())
    return plain


def _plain(error: PyMongoError) -> StoreError:
    if isinstance(error, DriverDuplicateKeyError):
        return DuplicateKeyError()
    if isinstance(error, BulkWriteError):
        codes = {item.get("code") for item in (error.details or {}).get("writeErrors", [])}
        if codes & _REFUSED:
            return RefusedDocumentError()
        return DuplicateKeyError() if codes == {_DUPLICATE_KEY} else StoreUnavailableError()
    if isinstance(error, OperationFailure) and error.code in _REFUSED and not _about_the_server(error):
        return RefusedDocumentError()
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError):
        return StoreUnavailableError()
    return StoreUnavailableError()


def _about_the_server(error: OperationFailure) -> bool:
    return isinstance(error, ExecutionTimeout | WTimeoutError)
