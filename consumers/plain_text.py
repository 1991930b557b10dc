"""Texts from strangers, made fit to store and to read. Pure, linear, and never raising."""

import re
from html import unescape

MAX_TEXT_LENGTH = 1024 * 1024
"""Characters of a body; what follows is cut off."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_BREAK = re.compile(r"\r\n?|[\x0c\x85\u2028\u2029]")
_BLANK_LINES = re.compile(r"\n{3,}")
# Seen by nobody, and meaning nothing: soft hyphen, grapheme joiner, zero-width space, word joiner, byte order mark.
_INVISIBLE = re.compile(r"[\u00ad\u034f\u200b\u2060-\u2064\ufeff]")
# Joiners mean something within a word or an emoji; a row of them is how newsletters push text out of a preview.
_JOINER = r"\u061c\u180e\u200c-\u200f"
_PADDING = re.compile(rf"[{_JOINER}][{_JOINER}\s\u2800\u3164]+")
_SPACES = re.compile(r"[\u00a0\u2007\u202f]")
_WHITE = re.compile(r"\s+")


def legible(text: str) -> str:
    """Valid Unicode without control characters other than tab and line ends: lone surrogates become U+FFFD."""
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return _CONTROL.sub("", text)


def one_line(text: str) -> str:
    """A header's or a name's text: legible, on one line, white space trimmed and collapsed."""
    return _WHITE.sub(" ", legible(_LINE_BREAK.sub(" ", text))).strip()


def tidy(text: str) -> str:
    """A body: legible, lines without trailing space, at most one blank line in a row, no padding that nobody sees."""
    text = _LINE_BREAK.sub("\n", legible(text))
    if not text.isascii():
        text = _PADDING.sub(_only_line_ends, _SPACES.sub(" ", _INVISIBLE.sub("", text)))
    lines = "\n".join([line.rstrip() for line in text.split("\n")])
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")[:MAX_TEXT_LENGTH].rstrip()


def decoded_references(text: str) -> str:
    """`&amp;` as `&`. A text that Python's decoder refuses (a number of thousands of digits) stays as it is."""
    try:
        return unescape(text)
    except ValueError:
        return text


def _only_line_ends(padding: re.Match[str]) -> str:
    return "\n" * padding[0].count("\n") or " "
