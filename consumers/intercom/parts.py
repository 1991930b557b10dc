"""From the parts of a conversation to messages. Pure.

A message is the first message (`source`) or a part, if it has a body or is redacted (which takes the body away). Other
parts (assigned, closed, snoozed, …) are no messages. A note is a message that stays hidden.
"""

import re
from collections.abc import Iterator

from consumers.html import MAX_HTML_LENGTH, plain, readable
from consumers.intercom.arrival import Arrival
from consumers.intercom.people import Directory
from consumers.runtime.outcomes import InvalidRecordError
from schemas.events import Source
from schemas.intercom import Conversation, FirstMessage, Part
from service.conversations.incoming import Content, Hidden, MessageFact, MessageState, Version
from service.conversations.model import Attachment, Direction, Message, Participant

FIRST_MESSAGE_ID = "source"
"""Of a first message that comes without an id: there is one in each conversation."""
REDACTED_TOPIC = "conversation_part.redacted"

MAX_PARTS = 1_000
"""Twice what Intercom gives of a conversation; more at once could not be stored in time."""

MAX_TAGS = 100_000
"""Of one conversation, over all of its parts; what is beyond is given without its tags. Each costs some 25
microseconds, and nothing else is read meanwhile."""

_MAX_SUBJECT_LENGTH = 1024
_MAX_NAME_LENGTH = 1024
_SNIPPET_LENGTH = 200
_MAX_ATTACHMENTS = 100
_MAX_INT64 = 2**63 - 1
# 1.x has no `redacted`: what it puts in place of the body tells.
_REDACTED_BODIES = frozenset({"<p><i>This message was deleted</i></p>", "This message was deleted"})
_TAG = re.compile(
    r"<(/?)(p|div|span|b|i|u|em|strong|a|h[1-6]|ul|ol|li|pre|code|blockquote|table|tr|td|html|body|br|img|hr)(?=[\s/>])[^<>]*>",
    re.IGNORECASE,
)
_VOID_TAGS = frozenset({"br", "img", "hr"})


def message_facts(conversation: Conversation, conversation_id: str, arrival: Arrival) -> Iterator[MessageFact]:
    """A fact for each message; one that comes as first message and again as a part gives two, which join."""
    if len(conversation.parts) > MAX_PARTS:
        raise InvalidRecordError(f"conversation: more than {MAX_PARTS} parts")
    reader = _Reader(conversation, conversation_id, arrival)
    first = conversation.source or conversation.conversation_message
    if first and (_has_body(first) or _is_redacted(first, arrival.topic)):
        yield reader.fact(first, first.id or FIRST_MESSAGE_ID, subject=reader.subject)
    for part in conversation.parts:
        if _has_body(part) or _is_redacted(part, arrival.topic):
            if part.id is None:
                raise InvalidRecordError("conversation part: no id")
            again = first is not None and part.id == first.id
            yield reader.fact(part, part.id, subject=reader.subject if again else None)


class _Reader:
    """Reads the parts of one conversation."""

    def __init__(self, conversation: Conversation, conversation_id: str, arrival: Arrival) -> None:
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._arrival = arrival
        self._directory = Directory(conversation)
        self._thread = arrival.thread(conversation_id)
        self._tags_left = MAX_TAGS
        first = conversation.source or conversation.conversation_message
        self.subject = _subject(first.subject if first else None) or _subject(conversation.title)

    def fact(self, part: Part, message_id: str, subject: str | None) -> MessageFact:
        began = self._conversation.created_at if isinstance(part, FirstMessage) else None
        version = self._arrival.seconds(part.updated_at, part.created_at, began)
        when = (part.created_at, self._conversation.created_at)
        body = part.body or ""
        self._tags_left -= body.count("<")
        text, html = _read(body, lavish=self._tags_left >= 0)
        key = self._arrival.message(self._conversation_id, message_id)
        message = Message(
            tenant_id=key.tenant_id,
            source=Source.INTERCOM,
            account=key.account,
            message_id=message_id,
            sent_at=self._arrival.moment(*when),
            sender=self._directory.participant(part.author),
            subject=subject,
            snippet=" ".join(text[: 4 * _SNIPPET_LENGTH].split())[:_SNIPPET_LENGTH] or None,
            text=text or None,
            html=html,
            attachments=_attachments(part),
        )
        rank, dated = self._rank(part, version, message), self._arrival.dated(*when)
        content = Content(message, rank, self._direction(part), dated=dated)
        state = MessageState((version, 0), Hidden.INTERNAL if _is_note(part) else None)
        return MessageFact(key, self._thread, content, state)

    def _rank(self, part: Part, version: int, message: Message) -> Version:
        """A redaction wins, then the newest, then what tells more: names and addresses come to be known later, while
        the first message has no time but the conversation's."""
        sender = message.sender or Participant(None)
        told = sum(each is not None for each in (sender.address, sender.name, message.subject))
        return int(_is_redacted(part, self._arrival.topic)), version * 4 + told

    def _direction(self, part: Part) -> Direction:
        author = part.author
        if author and (author.type or author.id):
            inbound = self._directory.is_contact(author)
        else:
            # Blank for what comes from Twitter.
            inbound = isinstance(part, FirstMessage) and part.delivered_as == "customer_initiated"
        return Direction.INBOUND if inbound else Direction.OUTBOUND


def is_html(body: str) -> bool:
    """Whether a body is HTML (always, before API 2.15) and no plain text: some tag in it is opened and closed."""
    opened: set[str] = set()
    closed: set[str] = set()
    for found in _TAG.finditer(body):
        name = found[2].lower()
        if name in _VOID_TAGS:
            return True
        (closed if found[1] else opened).add(name)
        if name in opened and name in closed:
            return True
    return False


def _read(body: str, *, lavish: bool = True) -> tuple[str, str | None]:
    """Text to read, and HTML if it came as HTML. What only looked like it, so that nothing is left, is text. `lavish`
    is whether the conversation's tags so far leave room for reading these, too."""
    body = body[:MAX_HTML_LENGTH]
    if is_html(body):
        text, html = (readable if lavish else plain)(body)
        if html:
            return text, html
    return body.strip(), None


def _subject(told: str | None) -> str | None:
    text, _ = _read((told or "")[: 4 * _MAX_SUBJECT_LENGTH])
    return " ".join(text.split())[:_MAX_SUBJECT_LENGTH] or None


def _attachments(part: Part) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            each.name[:_MAX_NAME_LENGTH] if each.name else None,
            each.content_type[:_MAX_NAME_LENGTH] if each.content_type else None,
            each.filesize if each.filesize is not None and 0 <= each.filesize <= _MAX_INT64 else None,
        )
        for each in part.attachments[:_MAX_ATTACHMENTS]
    )


def _has_body(part: Part) -> bool:
    return bool(part.body and part.body.strip())


def _is_note(part: Part) -> bool:
    # `note`, `note_and_reopen`, …
    return "note" in (part.part_type or "").split("_")


def _is_redacted(part: Part, topic: str) -> bool:
    if part.redacted is not None:
        return part.redacted
    told = topic == REDACTED_TOPIC and not isinstance(part, FirstMessage)
    return told or (part.body or "").strip() in _REDACTED_BODIES
