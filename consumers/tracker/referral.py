"""Where a visit came from: the site that referred it, and the campaign in its address. Pure."""

from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_CAMPAIGN = "utm_"
_MAX_PARAMETERS = 200
_REMEMBERED = 4096
_MAX_REMEMBERED_LENGTH = 512


def host_of(url: str | None) -> str | None:
    """The host that an address names, in lower case."""
    if not url:
        return None
    try:
        return urlsplit(url).hostname or None
    except ValueError:
        return None


def referring_domain(referrer: str, own: str | None) -> str | None:
    """The other site's host. None for who came from nowhere (no web address) or from a page of the same site, which a
    host with `www.`, or with more or fewer labels before the same rest, is too."""
    # Remembered, since pages have few referrers; long ones are not, so that what is kept in mind stays small.
    short = len(referrer) + len(own or "") <= _MAX_REMEMBERED_LENGTH
    return (_remembered if short else _referring_domain)(referrer, own)


def _referring_domain(referrer: str, own: str | None) -> str | None:
    if not referrer.lower().startswith(("http://", "https://")):
        return None
    host = host_of(referrer)
    if host is None or own is None:
        return host
    there, here = _bare(host), _bare(own.lower().partition(":")[0])
    same = there == here or there.endswith(f".{here}") or here.endswith(f".{there}")
    return None if same else host


_remembered = lru_cache(_REMEMBERED)(_referring_domain)


def campaign_in(url: str) -> dict[str, Any]:
    """The `utm_…` parameters of an address, the first of each."""
    if _CAMPAIGN not in url:
        return {}
    try:
        pairs = parse_qsl(urlsplit(url).query, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return {}
    return {name: value for name, value in reversed(pairs) if name.startswith(_CAMPAIGN)}


def _bare(host: str) -> str:
    return host.removeprefix("www.").rstrip(".")
