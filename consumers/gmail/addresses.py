"""Who is named in a mail's From, To, Cc and the like: names and addresses, from whatever stands there.

The standard library has two parsers. Both lose addresses that real mails hold (`Ada@Home <ada@example.com>`), the
newer takes quadratic time, the older gives up whole headers. This one reads RFC 5322 and what mailers make of it, in
one pass: it splits first and decodes then, so that no encoded name can bring in an address or a comma. Never raises.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic_core import PydanticCustomError

from consumers.gmail.headers import MAX_HEADER_LENGTH, decoded_words
from consumers.plain_text import one_line
from schemas.contacts import MAX_EMAIL_LENGTH, normalise_email
from service.conversations.model import Participant

MAX_PARTICIPANTS = 500
"""Of one header; those who follow are left out. Gmail itself sends to 500 at most (2,000 for Workspace)."""

MAX_NAME_LENGTH = 256

_TOKEN = re.compile(
    r"(?P<word>=\?[^?\s]{1,64}\?[bBqQ]\?[^?]*\?=)"
    r"|(?P<quoted>\"(?:[^\"\\]|\\.)*+(?:\"|\Z))"
    r"|(?P<angle><[^<>]*>?)"
    r"|(?P<literal>\[[^\[\]<>,;]{0,320}\])"
    r"|(?P<mark>[,;:()>])"
    r"|(?P<text>\\[()]|[^\"<>,;:()\[=\\]+|.)",
    re.DOTALL,
)
_QUOTES_CLOSED = re.compile(r"(?:[^\"]|\"(?:[^\"\\]|\\.)*+\")*+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_WORDS = re.compile(r"(?:[^\s\"]|\"(?:[^\"\\]|\\.)*+\")++", re.DOTALL)
_COMMENT = re.compile(r"\([^()]*\)")
_SPACED_AT = re.compile(r"\s{0,9}@\s{0,9}")
_DOTTED = frozenset({"gmail.com", "googlemail.com"})


@dataclass(slots=True)
class _Entry:
    """What stands between two commas. A comment alone names nobody: lists have some behind their last comma."""

    words: list[str] = field(default_factory=list)
    comment: list[str] = field(default_factory=list)
    angle: str | None = None

    def participants(self) -> Iterator[Participant]:
        bare = _unquoted_words(self.words)
        if self.angle is not None:
            yield from _named(bare or _readable(self.comment), _address_in(self.angle))
            return
        raw = _WORDS.findall(_SPACED_AT.sub("@", "".join(self.words)))
        addresses = [word for word in raw if "@" in word]
        if len(addresses) == 1:
            rest = one_line(" ".join(_unquoted(word) for word in raw if "@" not in word))
            yield from _named(rest or _readable(self.comment), addresses[0])
        elif addresses:
            for address in addresses:
                yield from _named("", address)
        else:
            yield from _named(bare, "")


def participants_in(values: Iterable[str]) -> list[Participant]:
    """Those named in the headers, each once, the first MAX_PARTICIPANTS of them, and in MAX_HEADER_LENGTH characters of
    all. The address is lower case, and valid or not. Who has neither name nor address is nobody."""
    found: dict[Participant, None] = {}
    left = MAX_HEADER_LENGTH
    for value in values:
        for entry in _entries(value[:left]):
            for participant in entry.participants():
                found[participant] = None
                if len(found) == MAX_PARTICIPANTS:
                    return list(found)
        left -= min(left, len(value))
    return list(found)


@lru_cache(maxsize=4096)
def valid_address(address: str) -> str | None:
    """As contacts are stored and compared; None if it is no e-mail address."""
    try:
        return normalise_email(address)
    except PydanticCustomError:
        return None


def is_mailbox(address: str, mailbox: str) -> bool:
    """Whether the address reaches the mailbox: plus-addresses do, and Gmail's own ignore dots."""
    return _reached(address) == _reached(valid_address(mailbox) or mailbox)


@lru_cache(maxsize=4096)
def _reached(address: str) -> tuple[str, str]:
    local, _, domain = address.lower().rpartition("@")
    local = local.partition("+")[0] or local
    return (local.replace(".", ""), "gmail.com") if domain in _DOTTED else (local, domain)


def _entries(value: str) -> Iterator[_Entry]:
    entry, depth = _Entry(), 0
    for token in _TOKEN.finditer(_closed(value)):
        kind, text = token.lastgroup, token[0]
        if text == "(":
            depth += 1
        elif text == ")":
            depth = max(depth - 1, 0)
        elif depth:
            entry.comment.append(text)
        elif kind == "mark" and text in ",;":
            yield entry
            entry = _Entry()
        elif text == ":" and not entry.angle:
            entry = _Entry()  # a group's name
        elif kind == "angle":
            entry.angle = text.strip("<>").strip() or entry.angle or ""
            entry.words.append(" ")
        elif kind != "mark":
            entry.words.append(text)
    yield entry


def _closed(value: str) -> str:
    """Without quotes, or comments, if one never ends: it would hide all that follows."""
    if not _QUOTES_CLOSED.fullmatch(value):
        value = value.replace('"', " ")
    return value.replace("(", " ") if value.count("(") > value.count(")") else value


def _named(name: str, address: str) -> Iterator[Participant]:
    told = one_line(decoded_words(name))[:MAX_NAME_LENGTH] or None
    cleaned = one_line(address)
    if cleaned[:1] == cleaned[-1:] and cleaned[:1] in ("'", '"'):
        cleaned = cleaned[1:-1]
    if "@" not in cleaned or len(cleaned) > MAX_EMAIL_LENGTH or ";" in cleaned:
        told = told or cleaned[:MAX_NAME_LENGTH] or None
        cleaned = ""
    if told or cleaned:
        yield Participant((valid_address(cleaned) or cleaned.lower()) if cleaned else None, told)


def _address_in(angle: str) -> str:
    # RFC 5322 has comments here, too; between quotes they are none.
    address = _SPACED_AT.sub("@", angle if '"' in angle else _COMMENT.sub("", angle))
    if address.startswith("@") or address[:7].lower() == "mailto:":
        address = address.rpartition(":")[2]
    return address


def _unquoted_words(words: Iterable[str]) -> str:
    return one_line("".join(_unquoted(word) for word in words))


def _unquoted(word: str) -> str:
    return _ESCAPED.sub(r"\1", word[1:].removesuffix('"')) if word.startswith('"') else word


def _readable(comment: Iterable[str]) -> str:
    return one_line(_ESCAPED.sub(r"\1", "".join(comment)))
