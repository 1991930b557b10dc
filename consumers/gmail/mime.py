"""A mail's MIME tree: what is to be read in it, and what hangs on it.

A part is an attachment if it has a filename, an attachmentId, or says so, or if it is a message itself: nothing within
it is this mail's. Of the other leaves, text/plain and text/html are the body, in order: `multipart/alternative` tells
one thing in several forms, every other container tells one thing after the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers.gmail.charsets import decoded_base64, decoded_body
from consumers.gmail.headers import Headers, charset_of, filename_of
from consumers.html import MAX_HTML_LENGTH, MAX_TAGS, html_of_text, plain, readable, safe_html
from consumers.plain_text import MAX_TEXT_LENGTH, one_line, tidy
from schemas.gmail import PART, Part
from service.conversations.model import Attachment

MAX_PARTS = 1_000
MAX_NESTING = 100
MAX_ATTACHMENTS = 500
MAX_FILENAME_LENGTH = 1_024
MAX_TYPE_LENGTH = 255

_HEAD = 1024
"""Bytes of HTML in which it may tell its charset, as browsers look for it."""


class Bodies(NamedTuple):
    """`text` is told in whatever form the mail comes; `html` only where it has some. None: the mail has no body."""

    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]


class _Block(NamedTuple):
    """A piece of the body in the forms that it has. `html` is as sent."""

    text: str | None = None
    html: str | None = None


@dataclass(slots=True)
class _Node:
    part: Part
    mime_type: str
    depth: int
    parent: "_Node | None" = None
    children: list[list[_Block]] = field(default_factory=list)


def bodies_of(payload: Part) -> Bodies:
    """Never raises for what the tree holds: it is walked without recursion, and not beyond the limits above."""
    nodes = _nodes(payload)
    blocks: list[_Block] = []
    # Backwards, so that a container comes after all that is in it.
    for node in reversed(nodes):
        blocks = _blocks_of(node)
        if node.parent is not None:
            node.parent.children.insert(0, blocks)
    found = [_attachment(node) for node in nodes if _is_attachment(node)]
    return Bodies(*_forms(blocks), tuple(found[:MAX_ATTACHMENTS]))


def has_body(payload: Part) -> bool:
    """Whether the resource holds more than headers (of a mail whose body is empty: no, which comes to the same)."""
    return bool(payload.parts or payload.body.data or payload.body.attachmentId)


def _nodes(payload: Part) -> list[_Node]:
    """In the mail's order, containers before what is in them."""
    found: list[_Node] = []
    waiting = [_node(payload, None)]
    while waiting and len(found) < MAX_PARTS:
        node = waiting.pop()
        found.append(node)
        if node.depth < MAX_NESTING and not _is_attachment(node):
            room = max(MAX_PARTS - len(found) - len(waiting), 0)
            inner = [PART.validate_python(part) for part in node.part.parts[:room] if isinstance(part, dict)]
            waiting += [_node(part, node) for part in reversed(inner)]
    return found


def _node(part: Part, parent: _Node | None) -> _Node:
    mime_type = one_line(part.mimeType).lower()[:MAX_TYPE_LENGTH]
    return _Node(part, mime_type, parent.depth + 1 if parent else 1, parent)


def _is_attachment(node: _Node) -> bool:
    part = node.part
    if part.filename.strip() or part.body.attachmentId or node.mime_type.startswith("message/"):
        return True
    disposition = Headers(part.headers).first("content-disposition") if node.parent and part.headers else ""
    return disposition.lstrip()[:10].lower() == "attachment"


def _attachment(node: _Node) -> Attachment:
    filename = filename_of(node.part.filename, Headers(node.part.headers))
    return Attachment(
        filename=filename[:MAX_FILENAME_LENGTH] if filename else None,
        content_type=node.mime_type or None,
        size=node.part.body.size,
    )


def _blocks_of(node: _Node) -> list[_Block]:
    if _is_attachment(node):
        return []
    if node.children:
        if node.mime_type == "multipart/alternative":
            return _alternative(node.children)
        return [block for child in node.children for block in child]
    data = node.part.body.data
    if not data or not _is_body(node):
        return []
    raw = decoded_base64(data)
    charset = charset_of(Headers(node.part.headers).first("content-type"))
    if not charset and node.mime_type == "text/html":
        charset = charset_of(raw[:_HEAD].decode("latin-1"))  # <meta … charset=…>
    text = decoded_body(raw, charset)
    if node.mime_type == "text/html":
        return [_Block(html=text[:MAX_HTML_LENGTH])]
    return [_Block(text=tidy(text[: 2 * MAX_TEXT_LENGTH]))]


def _is_body(node: _Node) -> bool:
    """A part without a type is plain text (RFC 2045, 5.2). So is text of a kind that nobody knows (RFC 2046, 4.1.4), if
    it is the whole mail: beside others it is one of their forms, and what is for calendars is for nobody to read."""
    if node.parent is None and node.mime_type.startswith("text"):
        return node.mime_type != "text/calendar"
    return node.mime_type in ("text/plain", "text/html", "")


def _alternative(forms: Sequence[list[_Block]]) -> list[_Block]:
    """One block, of the last plain form and the last with HTML in it: the later, the better (RFC 2046, 5.1.4)."""
    simple = [form for form in forms if form and all(block.html is None for block in form)]
    rich = [form for form in forms if any(block.html is not None for block in form)]
    if not simple or not rich:
        return (simple or rich or [[]])[-1]
    text = "\n\n".join(block.text for block in simple[-1] if block.text)[:MAX_TEXT_LENGTH]
    return [_Block(text, _joined_html(rich[-1]))]


def _joined_html(blocks: Iterable[_Block]) -> str:
    forms = (block.html if block.html is not None else html_of_text(block.text or "") for block in blocks)
    return "<br>\n".join(forms)[:MAX_HTML_LENGTH]


def _forms(blocks: Sequence[_Block]) -> tuple[str | None, str | None]:
    """The text and, if any block has some, the safe HTML. Text comes from the HTML where nothing else tells it."""
    texts: list[str] = []
    safe: list[str] = []
    letters, characters, tags = MAX_TEXT_LENGTH, MAX_HTML_LENGTH, MAX_TAGS
    for block in blocks:
        text, html = (block.text or "")[:letters], (block.html or "")[:characters]
        letters, characters, tags = letters - len(text), characters - len(html), tags - html.count("<")
        text, form = _form(text, html, lavish=tags >= 0)
        texts.append(text)
        safe.append(form)
    if not blocks:
        return None, None
    text = "\n\n".join(filter(None, texts))[:MAX_TEXT_LENGTH]
    has_html = any(block.html is not None for block in blocks)
    return text, "<br>\n".join(filter(None, safe)) if has_html else None


def _form(text: str, html: str, *, lavish: bool) -> tuple[str, str]:
    """`lavish` is whether the mail's tags so far leave room for reading these, too."""
    if not html:
        return text, html_of_text(text)
    if not lavish:
        bare = plain(html)
        return text or bare.text, bare.html
    if text.strip():
        return text, safe_html(html)
    return readable(html)
