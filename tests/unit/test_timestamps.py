"""Instants as they are written."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.timestamps import iso_millis, read_instant, to_utc_millis


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_with_milliseconds_and_z_and_is_read_back(moment: datetime) -> None:
    text = iso_millis(moment)
    assert len(text) == 24
    assert text.endswith("Z")
    assert read_instant(text) == to_utc_millis(moment)
    assert iso_millis(moment.replace(tzinfo=None)) == text


@pytest.mark.parametrize(
    "text", ["2026-11-23T09:30:00.123456", "2026-11-23T11:30:00.123+02:00", "2026-11-23T09:30:00.123Z"]
)
def test_an_offset_is_taken_off_and_none_means_utc(text: str) -> None:
    assert iso_millis(read_instant(text)) == "2026-11-23T09:30:00.123Z"
    assert read_instant(text).utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_instant_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|out of range"):
        read_instant(text)
