"""Taking a person out of a message that is others' too. Pure.

The person's own messages lose all that they say; in what others wrote, its addresses and names are replaced, and what
they quoted of it goes. Names and addresses are found as they are written; what somebody tells of a person in other
words is theirs, and stays.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote

from service.conversations.incoming import Content, Version
from service.conversations.model import Attachment, Message, Participant

ERASED = "(erased)"
"""Stands for a name, an address, or a passage."""

KNOWN, TOLD = 1 << 60, 1 << 59
"""Above whatever a source says of the same message, so that a redelivery brings nothing back: a message that was stored
when the person was erased (its quotations were looked through), and one that came later. A message that the source
itself redacts, or has completed since, still wins."""

_WORDS = 4
"""So many words in a row that the person wrote are a quotation of it."""
_LONG_LINE = 20
_NAME_PARTS = 3
_SNIPPET = 200
# From the first one's beginning to the last one's end; nothing is gone through again where there is no end.
_BLOCKQUOTE = re.compile(r"\A(?>(.*?)(?=<blockquote\b))(.*</blockquote\s*+>)", re.IGNORECASE | re.DOTALL)
_SEGMENT = re.compile(r"(?<![^>])[^<>]++(?![^<])")
_TAG = re.compile(r"<[^<>]*>")
_QUOTED = re.compile(r"\A\s*(?:>\s*)+")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to take out: addresses in lower case, names and the like, and what was said in the same conversation."""

    addresses: frozenset[str]
    words: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    runs: frozenset[tuple[str, ...]] = frozenset()

    def wrote(self, message: Message) -> bool:
        """Whether a message is the person's own."""
        return message.sender is not None and self.is_one(message.sender)

    def is_one(self, one: Participant) -> bool:
        """Whether a participant is the person: by the address, or, without one, by the name."""
        if one.address is not None:
            return one.address.lower() in self.addresses
        return one.name is not None and one.name in self.words

    def having_said(self, messages: Iterable[Message]) -> "Person":
        """With what these messages, its own, say."""
        lines, runs = set(self.lines), set(self.runs)
        for message in messages:
            for text in filter(None, (message.text, message.snippet, _text_in(message.html))):
                lines |= {key for line in text.splitlines() if (key := _key(line))}
                runs |= set(_runs(text))
        return replace(self, lines=frozenset(lines), runs=frozenset(runs))


def without_person(content: Content, person: Person, weight: int) -> Content:
    """The content without the person, itself where nothing is of it; `weight` is KNOWN or TOLD."""
    message = content.message
    told = _emptied(message) if person.wrote(message) else _scrubbed(message, person)
    told = replace(
        told,
        sender=_participant(message.sender, person) if message.sender else None,
        to=tuple(_participant(one, person) for one in message.to),
        cc=tuple(_participant(one, person) for one in message.cc),
    )
    addresses = tuple(one for one in content.addresses if one.lower() not in person.addresses)
    if told == message and addresses == content.addresses:
        return content
    rank: Version = (content.rank[0], max(content.rank[1], weight))
    return replace(content, message=told, addresses=addresses, rank=rank)


def words_beside(message: Message, addresses: frozenset[str]) -> frozenset[str]:
    """The names that a message itself gives to these addresses."""
    people = [one for one in (message.sender, *message.to, *message.cc) if one is not None]
    names = {one.name for one in people if one.name and one.address and one.address.lower() in addresses}
    return names_in(names)


def names_in(names: Iterable[str]) -> frozenset[str]:
    """Whole names, and the parts of what looks like a person's: of three words at most, those written with a capital or
    in a script without any."""
    found: set[str] = set()
    for name in names:
        parts = name.replace(",", " ").split()
        found.add(name.strip())
        found |= {part for part in parts if len(parts) <= _NAME_PARTS and not part[0].islower()}
    return frozenset(one for one in found if len(one) > 1 and any(letter.isalpha() for letter in one))


def _emptied(message: Message) -> Message:
    return replace(message, subject=None, snippet=None, text=None, html=None, attachments=())


def _participant(one: Participant, person: Person) -> Participant:
    return Participant(None, ERASED) if person.is_one(one) else one


def _scrubbed(message: Message, person: Person) -> Message:
    text = _plain(message.text, person)
    snippet = _plain(message.snippet, person)
    if text is not None and text != message.text:
        snippet = " ".join(text[: 4 * _SNIPPET].split())[:_SNIPPET]
    elif snippet and not person.runs.isdisjoint(_runs(snippet)):
        snippet = None
    return replace(
        message,
        subject=_plain(message.subject, person),
        snippet=snippet,
        text=text,
        html=_markup(message.html, person),
        attachments=tuple(
            Attachment(_plain(one.filename, person), one.content_type, one.size) for one in message.attachments
        ),
    )


def _plain(text: str | None, person: Person) -> str | None:
    if not text:
        return text
    told: list[str] = []
    block: list[str] = []
    for line in text.split("\n"):
        if _QUOTED.match(line):
            block.append(line)
            continue
        told += _quotation(block, person)
        block = []
        told.append(ERASED if len(key := _key(line)) >= _LONG_LINE and key in person.lines else line)
    told += _quotation(block, person)
    return _named(person).sub(ERASED, "\n".join(told))


def _quotation(block: list[str], person: Person) -> list[str]:
    """Lines that are quoted one after the other: all of them go, if any of it is the person's."""
    keys = [_key(line) for line in block]
    if any(key in person.lines for key in keys) or not person.runs.isdisjoint(_runs(" ".join(keys))):
        return [f"> {ERASED}"]
    return block


def _markup(text: str | None, person: Person) -> str | None:
    if not text:
        return text
    text = _BLOCKQUOTE.sub(lambda found: found[1] + _quoted_markup(found[2], person), text)
    text = _SEGMENT.sub(lambda found: _segment(found[0], person), text)
    return _named(person).sub(ERASED, text)


def _quoted_markup(quoted: str, person: Person) -> str:
    text = _text_in(quoted) or ""
    lines = {_key(line) for line in text.splitlines()}
    if lines.isdisjoint(person.lines) and person.runs.isdisjoint(_runs(text)):
        return quoted
    return f"<blockquote>{ERASED}</blockquote>"


def _segment(segment: str, person: Person) -> str:
    key = _key(html.unescape(segment))
    return ERASED if len(key) >= _LONG_LINE and key in person.lines else segment


def _text_in(markup: str | None) -> str | None:
    """Roughly: each piece between two tags is a line."""
    return html.unescape(_TAG.sub("\n", markup)) if markup else None


def _key(line: str) -> str:
    """A line, however deep it is quoted and however it is spaced."""
    return " ".join(_QUOTED.sub("", line, count=1).split())


def _runs(text: str) -> Iterable[tuple[str, ...]]:
    words = [word for word in text.split() if word.strip(">")]
    return (tuple(words[start : start + _WORDS]) for start in range(len(words) - _WORDS + 1))


@lru_cache(maxsize=16)
def _named(person: Person) -> re.Pattern[str]:
    """The person's addresses and names, in plain text, in HTML and in links. Names are whole words, written alike."""
    addresses = {form for one in person.addresses for form in (one, html.escape(one), quote(one))}
    words = {form for one in person.words for form in (one, html.escape(one))}
    either = [f"(?i:{re.escape(one)})" for one in sorted(addresses, key=len, reverse=True)]
    either += [rf"(?<!\w){re.escape(one)}(?!\w)" for one in sorted(words, key=len, reverse=True)]
    return re.compile("|".join(either) or r"(?!)")
