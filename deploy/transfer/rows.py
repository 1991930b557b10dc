"""Records of a file as rows of an import, validated as the API validates."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from deploy.transfer.columns import Columns, RecordFaultError
from deploy.transfer.records import FileFaultError, Record, RecordFile
from schemas.contacts import UpsertContact
from service.api.errors import RequestRefusedError
from service.api.validation import validated
from service.imports.model import Row

_MOST_REASONS = 5
_BLOCK = 1024 * 1024
_READING = 1
"""Raise it when the same file would be read as other rows."""


class ReadingStoppedError(Exception):
    """It was asked to end before the file was read to its end."""


@dataclass(frozen=True, slots=True)
class ContactFile:
    """A file of contacts and how it is read. `clear_empty`: an empty cell removes the property."""

    file: RecordFile
    columns: Columns
    clear_empty: bool = False

    def check(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Read it to its end; how many rows it has. Raises FileFaultError where its rows could not all be told, and
        ReadingStoppedError once it is `stopped`."""
        header = self.file.header()
        if header is not None:
            self._check_header(header)
        count = 0
        for count, _ in enumerate(self.file.records(), 1):  # noqa: B007 - the last one is how many
            _go_on(stopped)
        if not count and header is None:
            raise FileFaultError("There is nothing in the file.")
        return count

    def _check_header(self, header: list[str]) -> None:
        if not header:
            raise FileFaultError("There is nothing in the file.")
        other = next((one for one in ";\t|" if len(header) == 1 and one in header[0]), None)
        if other:
            raise FileFaultError(f"The header has one column: is the delimiter {other!r}? Say --delimiter.")
        self.columns.check(header)

    def digest(self, stopped: Callable[[], bool] = lambda: False) -> str:
        """The same for the same content that is read in the same way. Raises FileFaultError, ReadingStoppedError."""
        content = hashlib.sha256()
        with self.file.open() as file:
            while block := file.read(_BLOCK):
                content.update(block)
                _go_on(stopped)
            self.file.check_unchanged(file)
        how = {
            "reading": _READING,
            "csv": self.file.is_csv,
            "delimiter": self.file.delimiter,
            "columns": dict(self.columns.given),
            "clear_empty": self.clear_empty,
        }
        return hashlib.sha256(f"{content.hexdigest()} {json.dumps(how, sort_keys=True)}".encode()).hexdigest()

    def rows(self, behind: int) -> Iterator[Row]:
        """The rows behind the first so many. Raises FileFaultError."""
        return (self._row(record) for record in islice(self.file.records(), behind, None))

    def _row(self, record: Record) -> Row:
        if record.fields is None:
            return Row(record.line, record.size, None, (record.fault,))
        try:
            body = self.columns.body(record.fields, is_csv=self.file.is_csv, clear_empty=self.clear_empty)
            return Row(record.line, record.size, validated(UpsertContact, body, "row"))
        except RecordFaultError as fault:
            return Row(record.line, record.size, None, (str(fault),))
        except RequestRefusedError as refused:
            return Row(record.line, record.size, None, _reasons(refused.answer.details))


def _go_on(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise ReadingStoppedError


def _reasons(details: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    told = [f"{field}: {what}" for field, what in details[:_MOST_REASONS]]
    more = len(details) - len(told)
    return (*told, *([f"and {more} more"] if more else []))
