"""Instants on the wire: ISO 8601 in with any offset (none means UTC), ISO 8601 UTC with milliseconds and `Z` out."""

from datetime import UTC, datetime, timedelta

_ZERO = timedelta()


def to_utc_millis(moment: datetime) -> datetime:
    """The same instant in UTC, cut to the millisecond that MongoDB keeps; a naive value is taken as UTC.

    Raises OverflowError for an instant outside the years 1 to 9999 once in UTC.
    """
    offset, beyond = moment.utcoffset(), moment.microsecond % 1000
    if offset == _ZERO and not beyond:
        return moment
    # Not astimezone(), which asks the C library: several times slower, and this runs for every event.
    utc = moment - offset if offset else moment
    return utc.replace(microsecond=utc.microsecond - beyond, tzinfo=UTC)


def iso_millis(moment: datetime) -> str:
    """`2026-11-23T09:30:00.123Z`. `moment` is in UTC (aware, or naive as the driver may give it)."""
    # Without the offset that isoformat puts behind; strftime is several times slower.
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
