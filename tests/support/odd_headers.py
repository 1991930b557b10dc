"""Records with headers whose names are not UTF-8: other clients make them, and ours refuses to."""

from collections.abc import Sequence
from typing import Any

from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

Headers = Sequence[tuple[bytes, bytes]]


class _RawName(str):
    """Looks like text, and is encoded as the bytes that it was given."""

    raw: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.raw


def raw_name(name: bytes) -> str:
    """A header's name of any bytes."""
    made = _RawName("raw")
    made.raw = name
    return made


async def send_batch(producer: Any, topic: str, partition: int, records: Sequence[tuple[bytes, Headers]]) -> None:
    """One batch of (value, headers), as one producer's linger makes it; returns once Kafka has it."""
    builder = message_accumulator.DefaultRecordBatchBuilder
    # aiokafka's encoder in Python asks a name for its bytes; the compiled one does not.
    message_accumulator.DefaultRecordBatchBuilder = _DefaultRecordBatchBuilderPy
    try:
        batch = producer.create_batch()
        for value, headers in records:
            named = [(raw_name(name), content) for name, content in headers]
            assert batch.append(key=b"k", value=value, timestamp=None, headers=named) is not None
        batch.close()
        sent = await producer.send_batch(batch, topic, partition=partition)
        await sent
    finally:
        message_accumulator.DefaultRecordBatchBuilder = builder
