"""What lists are sorted and searched by, derived from a contact and stored beside it. Pure.

Folding (contract, "Contact object"): Unicode's NFKC_Casefold, so that ignorable characters vanish; in Latin, Greek and
Cyrillic accents go too, and an apostrophe is one however it was typed. A search term matches at the start of a word,
and reads on to the next blank: of `Ada.Lovelace@example.com` the stored words are itself, `lovelace@example.com`,
`example.com` and `com`, and whatever prefixes one of them (`ada`, `ada.lov`, `exam`) finds the contact. Where a script
has no blanks each character starts a word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise

from service.contacts.model import Contact

MAX_SORT_KEY = 256
"""Contacts are sorted by so many characters of a value; behind that the id decides."""
MAX_WORD = 200
"""So many characters of a word are compared."""
MAX_WORDS_PER_FIELD = 64
"""So many word starts of each searched field are found: 320 words a contact at most."""

_SORTED = ("firstname", "lastname", "company")
_SEARCHED = ("firstname", "lastname", "company", "jobtitle")
_ACCENTED = ("LATIN ", "GREEK ", "CYRILLIC ", "COPTIC ")
_UNSPACED = (
    "CJK ",
    "IDEOGRAPHIC ",
    "HIRAGANA ",
    "KATAKANA",
    "BOPOMOFO ",
    "YI ",
    "THAI ",
    "LAO ",
    "KHMER ",
    "MYANMAR ",
    "TAI ",
    "NEW TAI ",
    "BALINESE ",
    "JAVANESE ",
)
_APOSTROPHES = "’ʼ‘"
_ONE_APOSTROPHE = str.maketrans(dict.fromkeys(_APOSTROPHES, "'"))
_VARIATION = re.compile("[\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What `_starts_word` says of plain text, at a third of the time.
_ASCII_START = re.compile("^.|(?<![0-9A-Za-z])[0-9A-Za-z]")
# Punctuation that belongs to the sentence around a search term, not to the term: `"Lovelace, Ada" <ada@example.com>`,
# and the sign before a domain: `@example.com`.
_OPENING, _CLOSING = "\"'(<[{«“‘„‹「『@", ",;:.!?\"')>]}»”’›」』、。"


@dataclass(frozen=True, slots=True)
class ListingKeys:
    """One contact's. A missing value sorts as empty; `job_title` only folds case."""

    sort: dict[str, str]
    job_title: str
    has_linkedin: bool
    words: tuple[str, ...]


def listing_keys(contact: Contact) -> ListingKeys:
    """Of the contact as it is now."""
    named = {name: _text(contact.properties.get(name)) for name in (*_SEARCHED, "linkedin_url")}
    sorted_by = {"email": contact.email, **{name: named[name] for name in _SORTED}}
    searched = [contact.email, *(named[name] for name in _SEARCHED)]
    return ListingKeys(
        sort={name: sort_key(value) for name, value in sorted_by.items()},
        job_title=job_title_key(named["jobtitle"]),
        has_linkedin=bool(named["linkedin_url"].strip()),
        words=_without_prefixes(word for text in searched for word in _first_words(text)),
    )


def sort_key(text: str) -> str:
    """The text as it is sorted: folded, blanks joined, cut."""
    return " ".join(fold(text).split())[:MAX_SORT_KEY]


def job_title_key(text: str) -> str:
    """The job title as it is compared: without case, unless there is nothing to see in it."""
    return fold_case(text) or text


def search_terms(text: str) -> tuple[str, ...]:
    """The terms of a search, folded as words are; each must begin a word. Empty if there is nothing to look for."""
    terms = (_bare(term)[:MAX_WORD] for term in fold(text).split())
    return _without_prefixes(term for term in terms if term)


def spellings(term: str) -> tuple[str, ...]:
    """A search term as a word may hold it: those stored before apostrophes were folded have them as they were typed."""
    return tuple(dict.fromkeys(term.replace("'", apostrophe) for apostrophe in "'" + _APOSTROPHES))


def words_of(text: str) -> Iterator[str]:
    """From each start of a word to the next blank."""
    for token in fold(text).split():
        if token.isascii():
            for match in _ASCII_START.finditer(token):
                start = match.start()
                yield token[start : start + MAX_WORD]
            continue
        before = ""
        for index, char in enumerate(token):
            if index == 0 or _starts_word(before, char):
                yield token[index : index + MAX_WORD]
            before = char


@lru_cache(4096)
def fold(text: str) -> str:
    """Without case, accents (Latin, Greek, Cyrillic), ignorable characters and control characters; with one kind of
    apostrophe. Idempotent."""
    if text.isascii():
        return _blank_controls(text.lower())
    folded = fold_case(text)
    while (unaccented := fold_case(_without_accents(folded))) != folded:
        folded = unaccented
    return _blank_controls(folded.translate(_ONE_APOSTROPHE))


def fold_case(text: str) -> str:
    """Unicode's NFKC_Casefold: compatibility forms and case are one, ignorable characters vanish."""
    if text.isascii():
        return text.lower()
    while True:
        visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", _VARIATION.sub("", visible)).casefold())
        if folded == text:
            return folded
        text = folded


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


@lru_cache(4096)
def _first_words(text: str) -> tuple[str, ...]:
    return tuple(islice(words_of(text), MAX_WORDS_PER_FIELD))


def _without_prefixes(words: Iterable[str]) -> tuple[str, ...]:
    """Distinct, sorted, and without those that begin another one: they find nothing of their own."""
    ordered = sorted(set(words))
    return tuple([word for word, after in pairwise([*ordered, ""]) if not after.startswith(word)])


def _bare(term: str) -> str:
    opened = term.lstrip(_OPENING)
    if not _is_letter(opened[:1]):
        opened = term
    return opened.rstrip(_CLOSING) or opened


def _starts_word(before: str, char: str) -> bool:
    if not _is_letter(char):
        return False
    return not _is_word(before) or _is_unspaced(char) or _is_unspaced(before)


def _is_letter(char: str) -> bool:
    return char.isalnum()


def _is_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char).startswith("M")


@lru_cache(8192)
def _is_unspaced(char: str) -> bool:
    return not char.isascii() and unicodedata.name(char, "").startswith(_UNSPACED)


def _without_accents(text: str) -> str:
    kept: list[str] = []
    base = ""
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.category(char).startswith("M"):
            if not _takes_accents(base):
                kept.append(char)
        else:
            base = char
            kept.append(_plain(char))
    return "".join(kept)


@lru_cache(8192)
def _takes_accents(char: str) -> bool:
    return unicodedata.name(char, "").startswith(_ACCENTED) if char else False


@lru_cache(8192)
def _plain(char: str) -> str:
    """Of a Latin letter whose accent is part of it (`ø`, `ł`, `đ`; and the dotless i), the letter without."""
    if char == "ı":
        return "i"
    name, found, _ = unicodedata.name(char, "").partition(" WITH ")
    if not found or not name.startswith("LATIN SMALL LETTER "):
        return char
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return char


def _blank_controls(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
