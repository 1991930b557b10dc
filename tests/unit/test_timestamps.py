"""Instants as they are written."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from schemas.timestamps import iso_millis, to_utc_millis


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_is_written_with_milliseconds_and_z_and_is_read_back(moment: datetime) -> None:
    text = iso_millis(moment)
    assert len(text) == 24
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == to_utc_millis(moment)
    assert iso_millis(moment.replace(tzinfo=None)) == text
