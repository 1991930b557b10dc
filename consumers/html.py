"""HTML from strangers: as text to read, and as HTML that is safe to show. Pure, and bounded in time and memory.

Three libraries, each for what it does well, in an order that keeps each from what it does badly:

1. libxml2 (lxml) reads any soup in linear time. Attributes that nobody may see go here, so that what follows meets
   plain, properly nested elements. Its limit of nesting is ours.
2. Ammonia (nh3) sanitises. It has the last word on the HTML; it is quadratic in some soups, which step 1 takes away.
3. inscriptis lays the sanitised HTML out as text.

What is beyond a limit below is given as plain text without its tags, in both forms.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

import nh3
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.html_engine import Inscriptis
from inscriptis.html_properties import Display, WhiteSpace
from inscriptis.model.config import ParserConfig
from inscriptis.model.html_element import HtmlElement
from inscriptis.model.tag import CustomHtmlTagHandlerMapping
from lxml import etree

from consumers.plain_text import MAX_TEXT_LENGTH, decoded_references, legible, tidy

MAX_HTML_LENGTH = MAX_TEXT_LENGTH
"""Characters of HTML that are looked at; what follows is cut off."""

MAX_TAGS = 20_000
"""Of which a newsletter has 2,000. Each costs up to 25 microseconds."""

MAX_NESTING = 250
"""Elements within elements. libxml2 stops reading at 256."""

MAX_ATTRIBUTES = 1_000
"""Of one tag. libxml2 appends each to those before it by going through all of them."""

MAX_ESCAPING = 1_000_000_000
"""Escaped characters in one run of text, times its length: what Ammonia copies, since it appends each to the run, and
so each whose first byte is that of an escaped one (U+0080 to U+00BF)."""

MAX_LINE_WORK = 1_000_000_000
"""Tags times characters: what inscriptis copies if all of it stands on one line, since it appends each to the line."""

_TAGS = (nh3.ALLOWED_TAGS - {"map", "area"}) | {"section", "main", "address", "tfoot"}
# What is between these tags is no text of the mail. (Of other tags that are not allowed, the content stays.)
_DROPPED = set(
    "script style head title template svg math iframe object embed applet noembed noframes noscript xmp plaintext "
    "audio video canvas select textarea datalist frameset".split()
)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href", "title"},
    "img": {"alt"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_KEPT = {tag: names | _ATTRIBUTES["*"] for tag, names in _ATTRIBUTES.items()}

_TOO_DEEP = etree.XPath(f"boolean(descendant::*[count(ancestor::*) >= {MAX_NESTING}])")

_END_OF_DOCUMENT = re.compile(r"</(?:body|html)[^<>]*>", re.IGNORECASE)
_NO_TEXT = re.compile(r"<(script|style|title)\b.*?(?:</\1[^<>]*>?|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(?:/?([a-zA-Z][a-zA-Z0-9]*)|[!?/])[^<>]*>?")
_BREAKS = frozenset(
    "address article aside blockquote br center dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li main ol p pre "
    "section table tr ul".split()
)
_SPACES = frozenset({"td", "th"})


class Readable(NamedTuple):
    """`text` is for reading; `html` has no script, no event handler, no form, and loads nothing from anywhere."""

    text: str
    html: str


def readable(html: str) -> Readable:
    """Both forms. Never raises for what the HTML holds."""
    source = legible(html[:MAX_HTML_LENGTH])
    safe = _sanitised(source)
    if safe is None:
        return _plain(source)
    laid_out = _laid_out(safe)
    return Readable(tidy(_without_tags(safe)) if laid_out is None else laid_out, safe)


def safe_html(html: str) -> str:
    """The second form alone, where a text is at hand: it costs a fraction of both. Never raises."""
    source = legible(html[:MAX_HTML_LENGTH])
    safe = _sanitised(source)
    return _plain(source).html if safe is None else safe


def html_of_text(text: str) -> str:
    """A plain text as HTML that shows it, line by line."""
    return escape(text).replace("\n", "<br>")


def plain(html: str) -> Readable:
    """Both forms without any tags: the least work. Never raises."""
    return _plain(legible(html[:MAX_HTML_LENGTH]))


def _plain(source: str) -> Readable:
    text = tidy(_without_tags(source))
    return Readable(text, html_of_text(text))


class _Attributes:
    """What lxml tells of tags as it reads them, before there is a tree: the most attributes that one has."""

    def __init__(self) -> None:
        self._most = 0

    def start(self, _: str, attributes: Mapping[str, str]) -> None:
        self._most = max(self._most, len(attributes))

    def close(self) -> int:
        return self._most


def _most_attributes(source: str) -> int:
    most: int = etree.fromstring(source, etree.HTMLParser(target=_Attributes()))
    return most


def _parsed(source: str) -> Any:
    """The tree; None if it is beyond a limit."""
    if source.count("<") > MAX_TAGS:
        return None
    # Within elements of ours there is always a tree, even of nothing. libxml2 stops where they end, and mail goes on:
    # behind what was forwarded, lists and scanners add their lines.
    whole = f"<html><body>{_END_OF_DOCUMENT.sub(' ', source)}"
    # Of an attribute there are two characters at least: most mails are too short for so many.
    if len(whole) > 2 * MAX_ATTRIBUTES and _most_attributes(whole) > MAX_ATTRIBUTES:
        return None
    tree = etree.fromstring(whole, etree.HTMLParser(remove_comments=True, remove_pis=True, no_network=True))
    return None if _TOO_DEEP(tree) else tree


def _sanitised(source: str) -> str | None:
    """None if it is beyond a limit."""
    tree = _parsed(source)
    if tree is None:
        return None
    for element in tree.iter():
        for run in (element.text, element.tail):
            if run and len(run) * _escaped_in(run) > MAX_ESCAPING:
                return None
        kept = _KEPT.get(element.tag, _ATTRIBUTES["*"])
        for name in list(element.attrib):
            # A blank `alt`, which newsletters give to what only takes up space, would read as "[ ]".
            if name not in kept or (name == "alt" and element.attrib[name].isspace()):
                del element.attrib[name]
    return nh3.clean(
        etree.tostring(tree, encoding="unicode", method="html"),
        tags=_TAGS,
        clean_content_tags=_DROPPED,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",  # they would be addresses of whoever shows the mail
        link_rel="noopener noreferrer nofollow",
    ).strip()


def _escaped_in(run: str) -> int:
    beyond_ascii = 0 if run.isascii() else run.encode().count(b"\xc2")
    return sum(map(run.count, "&<>")) + beyond_ascii


def _laid_out(safe: str) -> str | None:
    """None if it is beyond a limit."""
    if safe.count("<") * len(safe) > MAX_LINE_WORK:
        return None
    # inscriptis decodes references once more than it should: "&amp;lt;" is a text that speaks of "&lt;".
    tree = _parsed(safe.replace("&amp;", "&amp;amp;"))
    return None if tree is None else tidy(Inscriptis(tree, _layout()).get_text())


def _without_tags(source: str) -> str:
    """Every expression matches wherever it starts to, to the end if need be, so that none reads anything twice."""
    text = _NO_TEXT.sub("", source)
    return decoded_references(_TAG.sub(_instead, text))


def _instead(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lower()
    return "\n" if name in _BREAKS else " " if name in _SPACES else ""


def _layout() -> ParserConfig:
    """Tables as rows: laid out in columns, a cell costs as much as the widest of its column. Lists are not indented:
    every line of theirs would grow with their nesting."""
    block = HtmlElement(display=Display.block)
    css = CSS_PROFILES["strict"].copy()
    css |= dict.fromkeys("ul ol table caption tr section dl dt dd hr center blockquote details summary".split(), block)
    handlers = CustomHtmlTagHandlerMapping(
        start_tag_mapping={"table": _nothing, "tr": _nothing, "td": _cell, "th": _cell},
        end_tag_mapping={"table": _nothing, "td": _nothing, "th": _nothing},
    )
    return ParserConfig(css=css, display_images=True, custom_html_tag_handler_mapping=handlers)


def _cell(state: Any, _: Any) -> None:
    tag = state.tags[-1]
    if not tag.canvas.current_block.is_empty():
        tag.canvas.write(tag, "  ", WhiteSpace.pre)


def _nothing(*_: Any) -> None:
    pass
