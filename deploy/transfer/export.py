"""Contacts and events as lines of a file: JSON Lines as the API shows them, or CSV (RFC 4180) without formulas."""

import csv
import fcntl
import glob
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from deploy.transfer.cells import escaped
from deploy.transfer.columns import TOLD, listed

NAMED = (
    *("firstname", "lastname", "company", "jobtitle", "lifecyclestage", "lead_status", "phone", "website"),
    *("linkedin_url", "industry", "city", "state", "country"),
)
CONTACT_COLUMNS = ("contact_id", "email", *NAMED, "visitor_ids", "company_id", "segment_ids", "properties", *TOLD)
EVENT_COLUMNS = (
    *("event_id", "event", "source", "timestamp", "received_at", "contact_id", "visitor_id", "session_id"),
    *("url", "domain", "data"),
)


def json_lines(objects: Iterable[Mapping[str, Any]]) -> bytes:
    """One object a line."""
    return b"".join(orjson.dumps(one) + b"\n" for one in objects)


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows of a CSV file; no cell is taken for a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([escaped(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def contact_cells(shown: Mapping[str, Any]) -> list[str]:
    """A contact object as cells. What a cell of its own would not give back exactly is among `properties`."""
    rest = {name: value for name, value in shown["properties"].items() if name != "email"}
    named = {name: rest.pop(name) for name in NAMED if isinstance(rest.get(name), str) and rest[name]}
    own = {
        **{name: shown.get(name) for name in CONTACT_COLUMNS},
        **{name: named.get(name) for name in NAMED},
        "visitor_ids": listed(shown["visitor_ids"]),
        "segment_ids": listed(shown["segment_ids"]),
        "company_id": " ".join(shown["associations"]["companies"]),
        "properties": _json_cell(rest),
    }
    return ["" if own[name] is None else str(own[name]) for name in CONTACT_COLUMNS]


def event_cells(shown: Mapping[str, Any]) -> list[str]:
    """An event object as cells."""
    cells = {**shown, "data": _json_cell(shown["data"])}
    return ["" if cells[name] is None else str(cells[name]) for name in EVENT_COLUMNS]


def _json_cell(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode() if value else ""


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file beside `path`, that takes its place when it is whole and on the disk; else it is removed, by the next one
    where this process is killed. Only its owner may read it: it holds persons."""
    _remove_leftovers(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _remove_leftovers(path: Path) -> None:
    """Files that nobody holds any more; their names end as `mkstemp` makes them."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'?' * 8}.part"):
        with suppress(OSError), left.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
