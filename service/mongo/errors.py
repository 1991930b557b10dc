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

from service.errors import (
    ContendedError,
    DuplicateKeyError,
    RefusedDocumentError,
    StoreError,
    StoreFaultError,
    StoreRefusedError,
    StoreUnavailableError,
)
from service.mongo.refusals import refusal_of

_DUPLICATE_KEY = 11000
_WRITE_CONFLICT = 112
# BadValue, Overflow (too deep), DollarPrefixedFieldName, DottedFieldName, BSONObjectTooLarge (four ways of saying it);
# TransactionTooLargeForCache: what no cache of that size will ever hold at once.
_REFUSED = frozenset([2, 15, 52, 57, 388, 10334, 16493, 17419, 17420])

# What passes by itself, or once an operator has made room: HostUnreachable and its kind, LockTimeout, WriteConflict,
# SnapshotUnavailable, NoSuchTransaction, ExceededTimeLimit, transaction too long, disk full, interrupted, no primary, …
_TEMPORARY = {6, 7, 24, 50, 64, 79, 89, 91, 100, 112, 134, 189, 202, 225, 239, 246, 251, 262, 290, 358, 365}
_TEMPORARY |= {9001, 10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031}


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
        away = isinstance(plain, StoreUnavailableError) and _codes(error) != {_WRITE_CONFLICT}
        return TransientTransactionError(plain if away else ContendedError())
    return plain


def _plain(error: PyMongoError) -> StoreError:
    if isinstance(error, DriverDuplicateKeyError):
        return DuplicateKeyError()
    refusal = refusal_of(error)
    if refusal is not None:
        return StoreRefusedError(refusal)
    codes = _codes(error)
    if codes & _REFUSED:
        return RefusedDocumentError()
    if codes == {_DUPLICATE_KEY}:
        return DuplicateKeyError()
    if codes <= _TEMPORARY:
        return StoreUnavailableError()
    return StoreFaultError(codes)


def _codes(error: PyMongoError) -> set[int]:
    """The server's codes; none where the server did not answer."""
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        failed = [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
        return {item.get("code", 0) for item in failed}
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError) or not isinstance(
        error, OperationFailure
    ):
        return set()
    return {error.code or 0}
