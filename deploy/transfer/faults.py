"""The file of rows that were refused: JSON Lines, `{"line": 7, "reasons": ["email: …"]}`, with no value of a row."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.imports.model import ImportProgress


class FaultFileError(Exception):
    """The file of rows that were refused cannot be written. The text is a sentence that says why."""


class FaultFile:
    """Follows the import's progress, which keeps the faults of its last batch: what a killed run did not write any more
    is written by the next, and nothing stands in it twice."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """A new import: there are no faults yet. Raises FaultFileError, as the others do."""
        with self._written():
            self.path.unlink(missing_ok=True)

    def go_on(self, progress: ImportProgress) -> None:
        """Bring the file to where the import is: of the last batch it has all, some or none."""
        if not progress.faults:
            return
        beside = self.path.with_name(f"{self.path.name}.part")
        with self._written():
            with beside.open("w") as kept:
                kept.writelines(self._lines_before(progress.faults[0].line))
            beside.replace(self.path)
        self.add(progress)

    def add(self, progress: ImportProgress) -> None:
        """The last batch's faults; they are on the disk when this returns."""
        if progress.faults:
            with self._written(), self.path.open("a") as file:
                for fault in progress.faults:
                    file.write(json.dumps({"line": fault.line, "reasons": fault.reasons}) + "\n")
                file.flush()
                os.fsync(file.fileno())

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FaultFileError(f"{self.path} cannot be written: {error.strerror}.") from None

    def _lines_before(self, line: int) -> Iterator[str]:
        if self.path.exists():
            with self.path.open() as file:
                yield from (text for text in file if _line_of(text) < line)


def _line_of(text: str) -> float:
    """A line that was cut off is of the last batch."""
    try:
        return int(json.loads(text)["line"])
    except ValueError:
        return math.inf
