"""Pages and cursors, the same for every list, and the kinds of query parameters that lists share.

A cursor says where a walk goes on. It is opaque to clients and bound to the filters and the sort that it was made for;
it carries the page number and the total of the walk's beginning, so that each page costs the same.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, cast

import orjson
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from schemas.answers import COUNTED_EXACTLY
from schemas.timestamps import EPOCH, to_utc_millis
from service.api.validation import Parameters

MAX_LIMIT = 100
MAX_REACH = 100_000
"""How far pages by number reach, in items; a cursor reaches everything."""

_MILLISECOND = timedelta(milliseconds=1)
_LAST = datetime.max.replace(microsecond=999_000, tzinfo=UTC)
_MAX_CURSOR_LENGTH = 8_192
# An offset's `+`, not encoded as `%2B`, comes as a blank, as in any query.
_BLANK_OFFSET = re.compile(r"(?<=\S) (\d\d:?\d\d)\Z")

Position = tuple[datetime | str, str]
"""The sort value and the id of the last item given out; the next page begins behind it."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a cursor holds. `total` is what was counted when the walk began (None where nothing is counted)."""

    page: int
    total: int | None
    position: Position


def write_cursor(cursor: Cursor, binding: str) -> str:
    """Opaque text. `binding` is what the cursor is good for."""
    value, item_id = cursor.position
    position = [_millis(value) if isinstance(value, datetime) else value, item_id]
    return urlsafe_b64encode(orjson.dumps([binding, cursor.page, cursor.total, position])).decode().rstrip("=")


def read_cursor(text: str, binding: str, kind: type) -> Cursor:
    """The other way; `kind` is the sort value's type. Raises PydanticCustomError for what this service did not write,
    or wrote for something else."""
    try:
        bound_to, page, total, parts = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if bound_to == binding:
            return Cursor(_natural(page), None if total is None else _natural(total), _position(parts, kind))
    except (ValueError, TypeError, OverflowError):
        raise PydanticCustomError("cursor", "must be a cursor that this service gave, unchanged") from None
    raise PydanticCustomError("cursor", "must be used with the filters and the sort that it was given for")


def _natural(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 2**53:
        raise ValueError
    return value


def _position(parts: Any, kind: type) -> Position:
    value, item_id = parts
    if isinstance(item_id, str):
        if kind is datetime and isinstance(value, int):
            return EPOCH + value * _MILLISECOND, item_id
        if kind is str and isinstance(value, str):
            return value, item_id
    raise ValueError


def _millis(moment: datetime) -> int:
    return (moment - EPOCH) // _MILLISECOND


def _refuse_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return text


def _iso_only(value: Any) -> Any:
    # Pydantic would also read "1700000000" as seconds.
    if isinstance(value, str) and "-" not in value[1:]:
        raise PydanticCustomError("instant", "must be an ISO 8601 date, such as 2026-11-23T09:30:00Z")
    return _BLANK_OFFSET.sub(r"+\1", value) if isinstance(value, str) and "T" in value else value


def _to_utc(moment: datetime) -> datetime:
    try:
        return to_utc_millis(moment)
    except OverflowError:
        raise PydanticCustomError("instant", "must be within the years 1 to 9999") from None


def _end_to_utc(moment: datetime) -> datetime:
    # What is of the same millisecond was before a moment within it.
    whole = _to_utc(moment)
    return whole + _MILLISECOND if moment.microsecond % 1000 and whole < _LAST else whole


Text = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_refuse_nul)]
"""A text to filter by: never a pattern."""
Instant = Annotated[datetime, BeforeValidator(_iso_only), AfterValidator(_to_utc)]
"""An ISO 8601 date with any offset (none is UTC), in UTC, cut to the millisecond: what is after it stays after it."""
End = Annotated[datetime, BeforeValidator(_iso_only), AfterValidator(_end_to_utc)]
"""Likewise, up to the next millisecond: what is before it stays before it."""


class CursorParameters(Parameters):
    """The query of anything that can be walked by cursor. A cursor is bound to every parameter not in UNBOUND."""

    UNBOUND: ClassVar[frozenset[str]] = frozenset({"cursor", "page", "limit", "count_only", "fields"})

    cursor: str | None = Field(
        None, max_length=_MAX_CURSOR_LENGTH, description="Where a former answer's pagination.next_cursor goes on."
    )
    _walk: Cursor | None = PrivateAttr(None)

    def sort_kind(self) -> type:
        """The type of what the list is sorted by."""
        return datetime

    @property
    def walk(self) -> Cursor | None:
        """The cursor that was given."""
        return self._walk

    @property
    def position(self) -> Position | None:
        """Where to go on behind."""
        return self._walk.position if self._walk else None

    @property
    def moment_position(self) -> tuple[datetime, str] | None:
        """The same, where the sort is by time."""
        return cast("tuple[datetime, str] | None", self.position)

    @cached_property
    def binding(self) -> str:
        """What a cursor of this query is good for."""
        bound = {type(self).__name__: self.model_dump(mode="json", exclude=set(self.UNBOUND))}
        return hashlib.sha256(orjson.dumps(bound, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]

    def next_cursor(self, position: Position | None, total: int | None = None) -> str | None:
        """A cursor behind `position`; None where there is nothing behind it."""
        if position is None:
            return None
        page = self._walk.page if self._walk else getattr(self, "page", 1)
        return write_cursor(Cursor(page + 1, total, position), self.binding)

    @model_validator(mode="after")
    def _read_cursor(self) -> Self:
        if self.cursor is None:
            return self
        if "page" in self.model_fields_set:
            raise _fault("page", PydanticCustomError("page", "must be left out where a cursor is given"))
        try:
            self._walk = read_cursor(self.cursor, self.binding, self.sort_kind())
        except PydanticCustomError as error:
            raise _fault("cursor", error) from None
        return self


def _fault(field: str, error: PydanticCustomError) -> ValidationError:
    """A fault of one field, found by looking at several."""
    detail: InitErrorDetails = {"type": error, "loc": (field,), "input": None}
    return ValidationError.from_exception_data("query", [detail])


class PageParameters(CursorParameters):
    """The query of a list: pages by number, or by cursor."""

    page: int = Field(1, ge=1, description=f"Page number; page times limit is at most {MAX_REACH}.")
    limit: int = Field(20, ge=1, le=MAX_LIMIT, description="Results per page.")
    count_only: bool = Field(default=False, description="If true, return only the count.")
    fields: Literal["summary"] | None = Field(None, description="`summary` for a compact answer.")

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        if self.offset + self.limit > MAX_REACH:
            sentence = f"must keep page times limit within {MAX_REACH}; to go further, walk with pagination.next_cursor"
            raise _fault("page", PydanticCustomError("page", sentence))
        return self

    @property
    def offset(self) -> int:
        """How many items the pages before this one hold; 0 where a cursor says where to go on."""
        return 0 if self.walk else (self.page - 1) * self.limit

    @property
    def known_total(self) -> int | None:
        """What was counted when the walk began: a cursor's page need not count again."""
        return self.walk.total if self.walk else None

    def pagination(self, counted: int, behind: Position | None) -> dict[str, Any]:
        """The pagination object. `counted` is exact up to COUNTED_EXACTLY, and more than that means that there are
        more; `behind` is the last item's position if more follow it."""
        total = min(counted, COUNTED_EXACTLY)
        bound = {"total_is_lower_bound": True} if counted > COUNTED_EXACTLY else {}
        return {
            "page": self.walk.page if self.walk else self.page,
            "limit": self.limit,
            "total_pages": -(-total // self.limit),
            "total_items": total,
            **bound,
            "next_cursor": self.next_cursor(behind, counted),
        }
