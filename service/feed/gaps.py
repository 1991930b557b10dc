"""A contact's sequence as it is read off the topic: what is missing, what came late, what came again. Pure."""

from array import array
from collections.abc import Iterable
from hashlib import blake2b

Range = tuple[int, int]
"""First and last, both included."""


class Track:
    """One contact's numbers, in the order read. Each id is kept as 8 bytes, so that memory stays small."""

    __slots__ = ("_ids", "clashes", "first", "high", "late", "missing", "repeats")

    def __init__(self, sequence: int, event_id: str) -> None:
        self.first = self.high = sequence
        self.repeats = 0
        self.missing: set[int] = set()
        self.late: list[int] = []
        """Numbers that came after a higher one, and not as a repeat."""
        self.clashes: list[int] = []
        """Numbers that came with two ids."""
        self._ids = array("Q", [_short(event_id)])

    def see(self, sequence: int, event_id: str) -> None:
        """The next one."""
        short = _short(event_id)
        if sequence > self.high:
            self.missing.update(range(self.high + 1, sequence))
            self._ids.extend([0] * (sequence - self.high - 1))
            self._ids.append(short)
            self.high = sequence
        elif sequence < self.first:
            self.missing.update(range(sequence + 1, self.first))
            self._ids[:0] = array("Q", [short] + [0] * (self.first - sequence - 1))
            self.first = sequence
            self.late.append(sequence)
        elif sequence in self.missing:
            self.missing.discard(sequence)
            self._ids[sequence - self.first] = short
            self.late.append(sequence)
        elif self._ids[sequence - self.first] == short:
            self.repeats += 1
        else:
            self.clashes.append(sequence)


def _short(event_id: str) -> int:
    # Never 0, which stands for a number that has not come.
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest()) or 1


def ranges(numbers: Iterable[int]) -> list[Range]:
    """Distinct numbers as ranges, in order."""
    found: list[Range] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
