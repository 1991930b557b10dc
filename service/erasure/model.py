"""Erasing a person: whom, what is left behind to keep the person out, and the one rule of that. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, TypeVar

from service.conversations.incoming import PersonKey
from service.identity.model import Identity, IdentityKind

T = TypeVar("T")

PERSON = "person"
"""The kind of a handle that is a source's own id of a person; the others are the kinds of identities."""


class Handle(NamedTuple):
    """One thing that somebody can be known by again, within one tenant."""

    tenant_id: str
    kind: str
    value: str


class Mark(NamedTuple):
    """What is left of a handle: that it was erased, and of which time. `before` is None until somebody gives the handle
    to a contact again; from then on it is that moment."""

    erasure_id: str
    before: datetime | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is to be erased, in clear: kept only while there is something left to be removed.

    `contact_ids` are the contact, and others deleted before that had one of its addresses. `words` are the person's
    name and telephone number, looked for in what others wrote in common threads.
    """

    tenant_id: str
    contact_ids: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    persons: tuple[PersonKey, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def handles(self) -> list[Handle]:
        """All that is marked."""
        return [*map(handle_of, self.identities), *map(handle_of_person, self.persons)]

    @property
    def addresses(self) -> frozenset[str]:
        """The e-mail addresses."""
        return frozenset(one.value for one in self.identities if one.kind is IdentityKind.EMAIL)

    def joined(self, other: "Subject") -> "Subject":
        """With what else is known."""
        return replace(
            self,
            contact_ids=_union(self.contact_ids, other.contact_ids),
            identities=_union(self.identities, other.identities),
            persons=_union(self.persons, other.persons),
            words=_union(self.words, other.words),
        )


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. `told_by` is the id of the timeline event that tells of it, which stays; `revision` is counted up
    whenever more is found to be removed; `done_at` is None as long as something may be left."""

    erasure_id: str
    subject: Subject
    requested_at: datetime
    told_by: str | None = None
    revision: int = 0
    done_at: datetime | None = None


def handle_of(identity: Identity) -> Handle:
    """Of what the registry knows."""
    value = identity.value.lower() if identity.kind is IdentityKind.EMAIL else identity.value
    return Handle(identity.tenant_id, identity.kind.value, value)


def handle_of_person(person: PersonKey) -> Handle:
    """Of whom a source knows."""
    return Handle(person.tenant_id, PERSON, f"{person.source.value}:{person.person_id}")


def email_handle(tenant_id: str, address: str) -> Handle:
    """Of an address as it stands in a message."""
    return Handle(tenant_id, IdentityKind.EMAIL.value, address.lower())


def is_erased(mark: Mark | None, happened_at: datetime, received_at: datetime) -> bool:
    """Whether what is known under the mark's handle belongs to the person that was erased.

    Both times count, its own and that of its first arrival: what happened before, however late it comes, and what came
    before, whatever time it claims.
    """
    if mark is None:
        return False
    return mark.before is None or min(happened_at, received_at) < mark.before


def _union(one: tuple[T, ...], other: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*one, *other)))
