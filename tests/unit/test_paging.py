"""Cursors: what is written is read back; everything else is refused, and never crashes."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError
from pydantic_core import PydanticCustomError

from schemas.answers import COUNTED_EXACTLY
from schemas.timestamps import EPOCH
from service.api.paging import Cursor, End, Instant, PageParameters, Text, read_cursor, write_cursor

TEXTS = st.text(st.characters(codec="utf-8"))
MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_999).map(lambda n: EPOCH + timedelta(milliseconds=n))


class Things(PageParameters):
    name: Text | None = Field(None)
    since: Instant | None = Field(None)
    until: End | None = Field(None)


@given(st.integers(1, 2**40), st.one_of(st.none(), st.integers(0, COUNTED_EXACTLY + 1)), MOMENTS, TEXTS)
def test_a_cursor_is_read_back(page: int, total: int | None, moment: datetime, item_id: str) -> None:
    cursor = Cursor(page, total, (moment, item_id))
    assert read_cursor(write_cursor(cursor, "b"), "b", datetime) == cursor


@given(TEXTS)
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        read_cursor(text, "b", datetime)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=2),
)


@given(st.one_of(JSON, st.tuples(st.just("b"), JSON, JSON, st.one_of(JSON, st.tuples(JSON, JSON)))))
def test_forged_cursors_are_refused_or_well_formed(forged: Any) -> None:
    text = urlsafe_b64encode(orjson.dumps(forged)).decode().rstrip("=")
    try:
        cursor = read_cursor(text, "b", datetime)
    except PydanticCustomError:
        return
    assert list(map(type, cursor.position)) == [datetime, str]
    assert cursor.page >= 0


def test_a_walk_keeps_page_number_and_total() -> None:
    first = Things(name="x", limit=2)
    told = first.pagination(5, ("a", "id"))
    assert (told["page"], told["total_pages"], told["total_items"]) == (1, 3, 5)

    class ByName(Things):
        def sort_kind(self) -> type:
            return str

    told = ByName(name="x", limit=2).pagination(5, ("a", "id"))
    second = ByName(name="x", limit=2, cursor=told["next_cursor"])
    assert (second.position, second.offset, second.known_total) == (("a", "id"), 0, 5)
    assert second.pagination(5, None) == {
        "page": 2,
        "limit": 2,
        "total_pages": 3,
        "total_items": 5,
        "next_cursor": None,
    }
    for other in ({"name": "y"}, {}, {"name": "x", "page": 1}):
        with pytest.raises(ValidationError) as refused:
            ByName.model_validate({**other, "cursor": told["next_cursor"]})
        assert refused.value.errors()[0]["loc"] in {("cursor",), ("page",)}


def test_a_cursor_goes_on_with_any_limit_in_its_own_list_only() -> None:
    class Others(Things):
        pass

    cursor = Things(limit=2).pagination(5, (EPOCH, "id"))["next_cursor"]
    assert Things(limit=3, cursor=cursor).position == (EPOCH, "id")
    with pytest.raises(ValidationError):
        Others(cursor=cursor)


@pytest.mark.parametrize("page", [True, -1, 2**53 + 1, 2**64 - 1])
def test_a_page_that_no_walk_reaches_is_refused(page: int) -> None:
    with pytest.raises(PydanticCustomError):
        read_cursor(write_cursor(Cursor(page, None, (EPOCH, "id")), "b"), "b", datetime)


def test_totals_are_exact_up_to_a_bound() -> None:
    assert Things().pagination(COUNTED_EXACTLY, None)["total_items"] == COUNTED_EXACTLY
    assert "total_is_lower_bound" not in Things().pagination(COUNTED_EXACTLY, None)
    beyond = Things().pagination(COUNTED_EXACTLY + 1, None)
    assert (beyond["total_items"], beyond["total_is_lower_bound"]) == (COUNTED_EXACTLY, True)


def test_pages_by_number_reach_so_far() -> None:
    assert Things(page=1_000, limit=100).offset == 99_900
    for page, limit in ((1_001, 100), (10**30, 1)):
        with pytest.raises(ValidationError) as refused:
            Things(page=page, limit=limit)
        assert refused.value.errors()[0]["loc"] == ("page",)


@pytest.mark.parametrize("unit", ["T", "T ", " ", "T1 ", "1-"])
def test_no_date_takes_long_to_be_refused(unit: str) -> None:
    """The time limit would tell: as long as a request line may be, one took ten seconds."""
    for _ in range(20):
        with pytest.raises(ValidationError):
            Things.model_validate({"since": f"1-{unit * (32 * 1024 // len(unit))}"})


@pytest.mark.parametrize("since", ["1700000000", "-1700000000", "1700000000.5"])
def test_seconds_are_no_date(since: str) -> None:
    with pytest.raises(ValidationError):
        Things.model_validate({"since": since})


def test_the_last_moment_has_none_behind_it() -> None:
    assert Things.model_validate({"until": "9999-12-31T23:59:59.999999Z"}).until == datetime.max.replace(
        microsecond=999_000, tzinfo=UTC
    )


@pytest.mark.parametrize("since", ["2026-11-30T10:00:00 02:00", "2026-11-30T10:00:00+02:00", "2026-11-30 08:00"])
def test_an_offset_may_have_lost_its_plus(since: str) -> None:
    assert Things.model_validate({"since": since}).since == datetime(2026, 11, 30, 8, tzinfo=UTC)
