"""List and count contacts."""

from dataclasses import dataclass

from schemas.answers import COUNTED_EXACTLY
from service.contacts.model import Contact
from service.contacts.query import ContactFilter, ContactQuery, Position
from service.contacts.view import iso_or_none
from service.ports import Store
from service.profile.model import Seen


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Contacts, and when each was active. `total` is counted up to one more than COUNTED_EXACTLY; `last` is where
    the next page goes on."""

    contacts: list[tuple[Contact, Seen | None]]
    last: Position | None
    total: int


class ContactLister:
    """The use-cases behind `GET /v1/contacts`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, query: ContactQuery, known_total: int | None = None) -> ContactPage:
        """The query's contacts in order. Counts unless the total is known.

        Raises TooSlowError where the filters leave too much to look through.
        """
        count_to = COUNTED_EXACTLY + 1 if known_total is None else None
        found = await self._store.contact_list.page(query, count_to, known_total or 0)
        total = found.total if known_total is None else known_total
        return ContactPage(found.contacts, found.last, total or 0)

    async def count(self, asked: ContactFilter) -> int:
        """How many, exactly. Raises TooSlowError."""
        return await self._store.contact_list.count(asked)


def contact_summary(contact: Contact, seen: Seen | None) -> dict[str, str | None]:
    """A contact in about 200 bytes."""
    named = contact.properties.get
    names = (named("firstname"), named("lastname"))
    return {
        "contact_id": contact.contact_id,
        "email": contact.email,
        "name": " ".join(name for name in names if name) or None,
        "company": named("company"),
        "jobtitle": named("jobtitle"),
        "lifecyclestage": named("lifecyclestage"),
        "last_activity_at": iso_or_none(seen.last_seen_at if seen else None),
    }
