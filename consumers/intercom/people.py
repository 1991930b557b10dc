"""Who is who in what Intercom sends: contacts on one side, teammates and bots on the other. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pydantic_core import PydanticCustomError

from consumers.intercom.arrival import Arrival
from schemas.contacts import MAX_EMAIL_LENGTH, normalise_email
from schemas.intercom import Conversation, Item, Part, Person
from service.conversations.incoming import PersonFact
from service.conversations.model import Participant

CONTACT_TYPES = frozenset({"user", "lead", "contact"})
VISITOR = "visitor"
"""Somebody whom Intercom does not know either: an id, no address."""
TEAM_TYPES = frozenset({"admin", "team", "bot", "operator"})

_MAX_NAME_LENGTH = 1024
_CACHED_ADDRESSES = 4096
# The bot's own, in every workspace.
_OPERATOR = re.compile(r"operator(\+[^@]*)?@intercom(-mail)?\.(io|com)")
# These name somebody who is there no longer.
_DELETIONS = frozenset({"contact.deleted", "user.deleted", "lead.deleted", "visitor.deleted"})


def email_of(person: Person | Item) -> str | None:
    """The address as contacts have it; None for none, one that is no address, and the bot's."""
    told = person.email
    return _address(told) if told and len(told) <= MAX_EMAIL_LENGTH else None


@lru_cache(_CACHED_ADDRESSES)
def _address(told: str) -> str | None:
    try:
        address = normalise_email(told)
    except PydanticCustomError:
        return None
    return None if _OPERATOR.fullmatch(address) else address


def contacts_of(conversation: Conversation) -> Iterator[Person]:
    """The contacts and visitors who take part, some several times: as listed, and as authors."""
    listed = [*conversation.customers, *conversation.contacts, *([conversation.user] if conversation.user else [])]
    yield from (each for each in listed if each.type not in TEAM_TYPES)
    yield from (author for author in _authors(conversation) if author.type in CONTACT_TYPES or author.type == VISITOR)


def person_facts(people: Iterator[Person], arrival: Arrival) -> tuple[PersonFact, ...]:
    """The addresses told of contacts, one fact for each contact that has any."""
    emails: dict[str, set[str]] = {}
    for each in people:
        if each.id and each.type != VISITOR and (email := email_of(each)):
            emails.setdefault(each.id, set()).add(email)
    return tuple(PersonFact(arrival.person(each), frozenset(emails[each])) for each in sorted(emails))


def contacts_told_of(item: Item, topic: str) -> Iterator[Person]:
    """The contacts in a notification that is about no conversation, or about more than that."""
    if item.type in CONTACT_TYPES and topic not in _DELETIONS and not item.deleted:
        yield Person(type=item.type, id=item.id, name=item.name, email=item.email)
    if item.intercom_user_id:
        yield Person(type="user", id=item.intercom_user_id, email=item.email)
    for each in (item.user, item.contact, item.lead):
        if each and each.type not in TEAM_TYPES:
            yield each
    parts = [*(item.ticket.parts if item.ticket else []), *([item.ticket_part] if item.ticket_part else [])]
    yield from (part.author for part in parts if part.author and part.author.type in CONTACT_TYPES)


class Directory:
    """Who somebody is, by all that one conversation tells: authors may be bare ids (1.x), named elsewhere in it."""

    def __init__(self, conversation: Conversation) -> None:
        self.contact_ids = frozenset(each.id for each in contacts_of(conversation) if each.id)
        assignee = [conversation.assignee] if conversation.assignee else []
        self._known: dict[tuple[bool, str], Participant] = {}
        for each in [*contacts_of(conversation), *_authors(conversation), *assignee]:
            if each.id:
                key = (self.is_contact(each), each.id)
                told, known = _as_told(each), self._known.get(key)
                if known is None or _how_much(told) > _how_much(known):
                    self._known[key] = told

    def is_contact(self, author: Person) -> bool:
        """Which side somebody is on. An unknown kind of author is on ours, unless its id is one of the contacts'."""
        if author.type in CONTACT_TYPES or author.type == VISITOR:
            return True
        return author.type not in TEAM_TYPES and author.id in self.contact_ids

    def participant(self, author: Person | None) -> Participant | None:
        """The author as told there, or, if bare, elsewhere; None if nowhere.

        What is told in two places is not mixed: one admin's id may go under several names and addresses.
        """
        if author is None:
            return None
        told = _as_told(author)
        if not _how_much(told) and author.id:
            told = self._known[self.is_contact(author), author.id]
        return told if _how_much(told) else None


def _authors(conversation: Conversation) -> Iterator[Person]:
    parts: Sequence[Part | None] = (conversation.source, conversation.conversation_message, *conversation.parts)
    yield from (part.author for part in parts if part and part.author)


def _as_told(person: Person) -> Participant:
    return Participant(email_of(person), (person.name or "").strip()[:_MAX_NAME_LENGTH] or None)


def _how_much(told: Participant) -> int:
    return (told.address is not None) * 2 + (told.name is not None)
