"""A long sequence in pieces: what is written, looked up or held at once is bounded."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Up to `size` at a time, in order (`itertools.batched`, which Python 3.11 has not)."""
    return (items[start : start + size] for start in range(0, len(items), size))
