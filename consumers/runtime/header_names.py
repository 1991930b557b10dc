"""Records whose headers have names that are not UTF-8: Kafka and other clients take them, aiokafka raises over them.

It raises while it decodes a batch, so the partition would stand still for ever, and what it had taken from other
partitions in the same poll would be lost. Here such a batch, and no other, is read again by hand: a byte that is no
UTF-8 is written as `\\xff` in the name, and the record is one like any other.
"""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_HEAD = struct.Struct(">qi")  # the batch's base offset, and the length of what follows


def tolerate_header_names() -> None:
    """Let every consumer of this process read such batches. It may be called again."""
    # aiokafka has no place to put this; a test shows that it still looks for the class there.
    fetcher.MemoryRecords = TolerantRecords


class TolerantRecords:
    """In place of aiokafka's MemoryRecords: the batches of a fetch, with the bytes that each is made of."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._start = 0

    def size_in_bytes(self) -> int:
        """Of all of them."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """Whether there is another whole one."""
        return bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """The next; None after the last."""
        batch = self._batches.next_batch()
        if batch is None:
            return None
        _, length = _HEAD.unpack_from(self._data, self._start)
        start, self._start = self._start, self._start + _HEAD.size + length
        return _TolerantBatch(batch, memoryview(self._data)[start : self._start])


class _TolerantBatch:
    """A batch that iterates over all of its records. Everything else is the batch's own."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch = batch
        self._data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        read = 0
        try:
            for record in self._batch:
                read += 1
                yield record
        except (UnicodeDecodeError, CorruptRecordException):
            # Where that is not what is wrong with it, this raises again.
            yield from islice(_by_hand(self._data), read, None)

    def __next__(self) -> Any:
        return next(self._batch)


def _by_hand(data: memoryview) -> Iterator[Any]:
    """All records, read by aiokafka's decoder in Python: it asks its buffer for each name, which here knows better."""
    batch = _DefaultRecordBatchPy(data)
    batch._maybe_uncompress()  # noqa: SLF001
    batch._buffer = _LenientBuffer(batch._buffer)  # noqa: SLF001
    return iter(batch)


class _LenientBuffer(bytearray):
    """Its slices decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _LenientBuffer(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
