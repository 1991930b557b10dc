"""Instants on the wire: ISO 8601 in with any offset (none means UTC), ISO 8601 UTC with milliseconds and `Z` out."""

from datetime import UTC, datetime


def to_utc_millis(moment: datetime) -> datetime:
    """The same instant in UTC, cut to the millisecond that MongoDB keeps; a naive value is taken as UTC.

    Raises OverflowError for an instant outside the years 1 to 9999 once in UTC.
    """
    utc = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def iso_millis(moment: datetime) -> str:
    """`2026-11-23T09:30:00.123Z`. `moment` is in UTC (aware, or naive as the driver may give it)."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z".rjust(24, "0")
