"""Instants on the wire: ISO 8601 in with any offset (none means UTC), ISO 8601 UTC with milliseconds and `Z` out."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS, END_MS = -62_135_596_800_000, 253_402_300_800_000
"""When the year 1 begins and the year 9999 ends, in milliseconds since EPOCH."""

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


def read_instant(text: str) -> datetime:
    """ISO 8601, as `to_utc_millis` gives it. Raises ValueError for what is no instant of the years 1 to 9999."""
    try:
        return to_utc_millis(datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError(str(error)) from error


def iso_millis(moment: datetime) -> str:
    """`2026-11-23T09:30:00.123Z`. `moment` is in UTC (aware, or naive as the driver may give it)."""
    # Half the time of isoformat() or an f-string, and a page of a list has forty of these.
    when = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*when, moment.microsecond // 1000)  # noqa: UP031
