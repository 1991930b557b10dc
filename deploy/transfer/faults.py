"""The file of rows that were refused: JSON Lines, `{"line": 7, "reasons": ["email: …"]}`, with no value of a row."""

import fcntl
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.imports.model import ImportProgress


class FaultFileError(Exception):
    """The file of rows that were refused cannot be written. The text is a sentence that says why."""


class FaultFile:
    """Follows the import's progress, which keeps the faults of its last batch: what a killed run did not write any more
    is written by the next, and nothing stands in it twice. Until it is closed no other import can have it."""

    def __init__(self, path: Path) -> None:
        """Raises FaultFileError, as all but `close` do."""
        self.path = path
        with self._written():
            self._file = path.open("a+b")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                busy = not os.fstat(self._file.fileno()).st_nlink  # another import removed it just now
            except BlockingIOError:
                busy = True
        if busy:
            self._file.close()
            raise FaultFileError(f"{path} is written by another import at this moment; let it finish.")

    def close(self) -> None:
        """Where there is nothing in it, it goes."""
        with suppress(OSError), self._file:
            if not os.fstat(self._file.fileno()).st_size:
                self.path.resolve().unlink()

    def begin(self) -> None:
        """A new import: there are no faults yet."""
        with self._written():
            self._file.truncate(0)

    def go_on(self, progress: ImportProgress) -> None:
        """Bring the file to where the import is: of the last batch it has all, some or none."""
        if progress.faults:
            with self._written():
                self._file.truncate(self._length_before(progress.faults[0].line))
            self.add(progress)

    def add(self, progress: ImportProgress) -> None:
        """The last batch's faults; they are on the disk when this returns."""
        if progress.faults:
            with self._written():
                for fault in progress.faults:
                    told = json.dumps({"line": fault.line, "reasons": fault.reasons})
                    self._file.write(f"{told}\n".encode())
                self._file.flush()
                os.fsync(self._file.fileno())

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FaultFileError(f"{self.path} cannot be written: {error.strerror}.") from None

    def _length_before(self, line: int) -> int:
        self._file.seek(0)
        length = 0
        for text in self._file:
            if _line_of(text) >= line:
                break
            length += len(text)
        return length


def _line_of(text: bytes) -> float:
    """A line that was cut off is of the last batch."""
    try:
        return int(json.loads(text)["line"])
    except ValueError:
        return math.inf
