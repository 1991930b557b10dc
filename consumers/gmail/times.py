"""When a mail was sent, by the first of its clocks that tells a sane time. Pure: "now" is when the record came."""

import re
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from schemas.timestamps import END_MS, EPOCH, to_utc_millis

_MAX_DATE_LENGTH = 200
# Behind the zone they are usual, and read by the library; before it they make the library lose it.
_COMMENT = re.compile(r"\([^()]*\)")


def sent_at(internal_date: Any, date_header: str, received_at: datetime, tolerance: timedelta) -> tuple[datetime, bool]:
    """Gmail's `internalDate`, else the Date header, else when it reached us; never later than `tolerance` after that.
    And whether the mail told it, so that it is the same whenever it is delivered.

    UTC, to the millisecond. Nothing was sent by e-mail before 1970, nor at its first instant: those are defaults.
    """
    told, latest = _internal(internal_date) or _header(date_header), received_at + tolerance
    if told is None:
        return received_at, False
    return (told, True) if told <= latest else (latest, False)


def _internal(value: Any) -> datetime | None:
    """A string of epoch milliseconds; an integer is taken, too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    digits = str(value).strip() if isinstance(value, str) or abs(value) < END_MS else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15 and 0 < int(digits) < END_MS):
        return None
    return EPOCH + timedelta(milliseconds=int(digits))


def _header(value: str) -> datetime | None:
    try:
        moment = to_utc_millis(parsedate_to_datetime(_COMMENT.sub(" ", value[:_MAX_DATE_LENGTH])))
    except Exception:  # noqa: BLE001 - the library's parser fails in many ways, and there is another clock
        return None
    return moment if moment > EPOCH else None
