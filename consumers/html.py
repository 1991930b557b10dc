"""HTML from strangers: as text to read, and as HTML that is safe to show. Pure."""

from typing import NamedTuple

import nh3
from inscriptis import get_text

MAX_HTML_LENGTH = 1024 * 1024
"""Characters of HTML that are looked at; what follows is cut off."""


class Readable(NamedTuple):
    """`text` is for reading; `html` has no script, no event handler, no form, and loads nothing from anywhere."""

    text: str
    html: str


def readable(html: str) -> Readable:
    """Both forms. Never raises for what the HTML holds."""
    safe = nh3.clean(html[:MAX_HTML_LENGTH], attributes={"a": {"href"}, "img": {"alt"}}, url_schemes={"http", "https"})
    return Readable(get_text(safe).strip() if safe else "", safe)
