"""Files of records, read line by line in bounded memory: CSV (RFC 4180) and JSON Lines, both in UTF-8.

What makes the rest of a file doubtful (its encoding, its quoting) is a fault of the file; what is wrong with one record
alone is that record's.
"""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from service.api.errors import RequestRefusedError
from service.api.validation import parse_json

MAX_LINE_BYTES = 1024 * 1024
"""As much as a request's body may have."""
_QUOTING = (
    "a cell that holds a quote, a line break or the delimiter stands in quotes, and a quote within it is written twice"
)
_LONE_RETURN = (
    "if that is how its lines end, save it as “CSV UTF-8” (or use tr '\\r' '\\n'); within a cell it wants quotes"
)
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_TO_UTF8 = "save it as UTF-8 (a spreadsheet calls it “CSV UTF-8”, or use iconv -f windows-1252 -t utf-8)"


class FileFaultError(Exception):
    """The file cannot be read. The text is a sentence that says where and what to do, and repeats nothing of it."""


class Record(NamedTuple):
    """One record: the line it begins in, its size in bytes, and its fields by column; or why it has none."""

    line: int
    size: int
    fields: dict[str, Any] | None
    fault: str = ""


class _State(NamedTuple):
    inode: int
    size: int
    mtime_ns: int


@dataclass(slots=True)
class RecordFile:
    """A file and how it is read, as often as it is asked for. `delimiter` is for CSV."""

    path: Path
    is_csv: bool
    delimiter: str = ","
    _first: _State | None = field(default=None, init=False)

    def header(self) -> list[str] | None:
        """The columns of a CSV file; None for JSON Lines, where each record names its own. Raises FileFaultError."""
        if not self.is_csv:
            return None
        with self.open() as file:
            return next(_rows(file, self.delimiter), _Row(1, 0, [])).cells

    def records(self) -> Iterator[Record]:
        """All records, in order; lines without anything are passed over. Raises FileFaultError."""
        with self.open() as file:
            for record in _csv_records(file, self.delimiter) if self.is_csv else _json_records(file):
                self.check_unchanged(file)
                yield record
            self.check_unchanged(file)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes. Raises FileFaultError where it cannot be read, or is no longer what it was when first opened."""
        try:
            with self.path.open("rb") as file:
                self.check_unchanged(file)
                try:
                    yield file
                except FileFaultError:
                    self.check_unchanged(file)  # then that is what is wrong
                    raise
        except OSError as error:
            raise FileFaultError(f"The file can no longer be read: {error.strerror}.") from None

    def check_unchanged(self, file: BinaryIO) -> None:
        """Asked behind each reading: what was read until now is then of one and the same content."""
        now = os.fstat(file.fileno())
        state = _State(now.st_ino, now.st_size, now.st_mtime_ns)
        self._first = self._first or state
        if state != self._first:
            raise FileFaultError("The file was changed while it was read: give the command again once it is complete.")


class _Row(NamedTuple):
    line: int
    size: int
    cells: list[str]


def _csv_records(file: BinaryIO, delimiter: str) -> Iterator[Record]:
    rows = _rows(file, delimiter)
    header = next(rows, _Row(1, 0, [])).cells
    for row in rows:
        if len(row.cells) == len(header):
            yield Record(row.line, row.size, dict(zip(header, row.cells, strict=True)))
        else:
            fault = f"has {len(row.cells)} cells where the header has {len(header)}: check delimiters and quotes"
            yield Record(row.line, row.size, None, fault)


def _rows(file: BinaryIO, delimiter: str) -> Iterator[_Row]:
    """Rows that are not empty. Raises FileFaultError."""
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _Lines(file)
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    number, read = 0, 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            if lines.lone_return:
                raise FileFaultError(
                    f"Line {lines.number} has a carriage return without a line feed: {_LONE_RETURN}."
                ) from None
            where = f"The quoting breaks in the row that begins in line {number + 1}"
            raise FileFaultError(f"{where}: {_QUOTING}.") from None
        if cells is None:
            return
        if cells:
            yield _Row(number + 1, lines.read - read, cells)
        number, read = lines.number, lines.read


def _json_records(file: BinaryIO) -> Iterator[Record]:
    lines = _Lines(file)
    for text in lines:
        if not text.strip():
            continue
        try:
            found = parse_json(text.rstrip("\r\n").encode())
        except RequestRefusedError as refused:
            yield Record(lines.number, len(text), None, _of_line(refused.answer.sentence))
            continue
        if isinstance(found, dict):
            yield Record(lines.number, len(text), found)
        else:
            yield Record(lines.number, len(text), None, "must be a JSON object")


def _of_line(sentence: str) -> str:
    """A sentence on a body, for a line of a file: which line it is stands beside it, and is not the first."""
    return sentence.replace("The body", "the line").replace("line 1, column", "column")


class _Lines:
    """The lines of a file as text, with their ends. `number` and `read` are how many lines and bytes were read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0
        self.read = 0
        self._last = b""

    @property
    def lone_return(self) -> bool:
        """Whether the last line has a carriage return that no line feed follows."""
        return _has_lone_return(self._last) or self._last.endswith(b"\r")

    def __iter__(self) -> Iterator[str]:
        while raw := self._file.readline(MAX_LINE_BYTES + 1):
            self.number += 1
            self.read += len(raw)
            if self.number == 1:
                _refuse_utf16(raw)
                raw = raw.removeprefix(_BOM)
            if len(raw) > MAX_LINE_BYTES:
                raise FileFaultError(_too_long(self.number, raw))
            self._last = raw
            try:
                yield raw.decode()
            except UnicodeDecodeError:
                raise FileFaultError(f"Line {self.number} is not UTF-8: {_TO_UTF8}.") from None


def _has_lone_return(line: bytes) -> bool:
    """At its very end the line may go on with its line feed."""
    return b"\r" in line.removesuffix(b"\n").removesuffix(b"\r")


def _too_long(number: int, start: bytes) -> str:
    if _has_lone_return(start):
        # As many lines as there are, to whoever saved it.
        return f"Line {number} has a carriage return without a line feed, and no end: {_LONE_RETURN}."
    return f"Line {number} has more than {MAX_LINE_BYTES:,} bytes: is it the right file?"


def _refuse_utf16(start: bytes) -> None:
    if start.startswith(_UTF16):
        raise FileFaultError(f"The file is UTF-16: {_TO_UTF8.replace('windows-1252', 'utf-16')}.")
