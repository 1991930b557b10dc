"""Headers of a mail: found whatever their case, read whatever their encoding. Never raises, linear in their length."""

import binascii
import re
from collections.abc import Iterable, Iterator
from email.message import Message as MimeHeaders

from consumers.gmail.charsets import decoded, decoded_base64
from consumers.plain_text import one_line
from schemas.gmail import Header

MAX_HEADER_LENGTH = 128 * 1024
"""Characters of a header that are looked at. RFC 5322 has no limit; a hundred KB of addresses may occur."""

MAX_PARAMETERS_LENGTH = 4 * 1024

_WORD = re.compile(r"=\?([^?\s]{1,64})\?([bBqQ])\?")
_CHARSET = re.compile(r"charset\s{0,9}\*?=\s{0,9}[\"']?(?:[\w\-]*'[\w\-]*')?([^\s\"';]{1,64})", re.IGNORECASE)
_EXTENDED = re.compile(r"([\w\-]{1,40})'[\w\-]{0,40}'(.*%[0-9a-fA-F]{2}.*)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")


class Headers:
    """A part's headers."""

    def __init__(self, pairs: Iterable[Header]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name.strip().lower(), []).append(value[:MAX_HEADER_LENGTH])

    def all(self, name: str) -> list[str]:
        """The values of all headers of this (lower-case) name."""
        return self._values.get(name, [])

    def first(self, name: str) -> str:
        """The first value that is not blank, else an empty one."""
        return next((value for value in self.all(name) if value.strip()), "")

    def __bool__(self) -> bool:
        return bool(self._values)


def decoded_words(text: str) -> str:
    """With RFC 2047's encoded words decoded, wherever they stand; all else is left as it is, raw UTF-8 too.

    The standard library's decoder takes quadratic time for what never ends, and chokes on raw UTF-8 beside words.
    """
    return "".join(_joined(_pieces(text))) if "=?" in text else text


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type claims; empty if none."""
    found = _CHARSET.search(content_type[:MAX_PARAMETERS_LENGTH])
    return found[1] if found else ""


def filename_of(given: str, headers: Headers) -> str | None:
    """An attachment's name: as Gmail gives it, else as its headers do (RFC 2231, RFC 2047)."""
    name = given if given.strip() else _filename_in(headers)
    extended = _EXTENDED.fullmatch(name[:MAX_PARAMETERS_LENGTH])
    if extended:
        raw = _PERCENT.sub(lambda digits: bytes([int(digits[1], 16)]), extended[2].encode("utf-8", "replace"))
        name = decoded(raw, extended[1])
    return one_line(decoded_words(name)) or None


def _filename_in(headers: Headers) -> str:
    mime = MimeHeaders()
    for name in ("content-disposition", "content-type"):
        mime[name] = one_line(headers.first(name))[:MAX_PARAMETERS_LENGTH]
    try:
        return (mime.get_filename() or "").strip('"')
    except Exception:  # noqa: BLE001 - the library's parser fails in many ways, and a name is no reason to lose a mail
        return ""


def _pieces(text: str) -> Iterator[str | tuple[str, bytes]]:
    """Text that stands for itself, and encoded words: their charset and bytes. Space between two words is no text."""
    position, after_word = 0, False
    while (start := _WORD.search(text, position)) and (end := text.find("?=", start.end())) >= 0:
        between = text[position : start.start()]
        if between and not (after_word and between.isspace()):
            yield between
        charset = start[1].partition("*")[0]  # RFC 2231 adds a language
        yield charset, _word_bytes(start[2], text[start.end() : end])
        position, after_word = end + 2, True
    yield text[position:]


def _word_bytes(encoding: str, encoded: str) -> bytes:
    if encoding in "bB":
        return decoded_base64(encoded)
    return binascii.a2b_qp(encoded.encode("utf-8", "replace"), header=True)


def _joined(pieces: Iterable[str | tuple[str, bytes]]) -> Iterator[str]:
    """Neighbouring words of one charset are decoded as one: mailers cut characters in two."""
    charset, data = "", b""
    for piece in pieces:
        if isinstance(piece, tuple) and piece[0].lower() == charset:
            data += piece[1]
            continue
        if data:
            yield decoded(data, charset)
        charset, data = ("", b"") if isinstance(piece, str) else (piece[0].lower(), piece[1])
        if isinstance(piece, str):
            yield piece
    if data:
        yield decoded(data, charset)
