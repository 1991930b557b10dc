"""What is asked of a tenant's contacts."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.contacts.model import Contact
from service.profile.model import Seen

Position = tuple[datetime | str, str]
"""The sort value and the id of the last contact given out; the next page begins behind it."""


class ContactOrder(StrEnum):
    """By what a list of contacts is sorted; the contact id breaks ties, in the same direction."""

    EMAIL = "email"
    FIRSTNAME = "firstname"
    LASTNAME = "lastname"
    COMPANY = "company"
    CREATEDATE = "createdate"


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which of a tenant's contacts; what is None does not filter, and everything given must hold.

    `job_title` is case-folded and `words` are folded search terms (`listing_keys.fold_case`, `search_terms`); all else
    is compared exactly. `created_after` and `created_before` are exclusive.
    """

    tenant_id: str
    status: str | None = None
    lifecycle_stage: str | None = None
    lead_status: str | None = None
    country: str | None = None
    industry: str | None = None
    city: str | None = None
    state: str | None = None
    job_title: str | None = None
    has_linkedin: bool | None = None
    company_id: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """One page: `limit` contacts behind `offset` others, or behind the position `behind`.

    With `summary`, of the properties only those that a summary shows are read.
    """

    filter: ContactFilter
    limit: int
    order: ContactOrder = ContactOrder.CREATEDATE
    descending: bool = True
    offset: int = 0
    behind: Position | None = None
    summary: bool = False


@dataclass(frozen=True, slots=True)
class FoundContacts:
    """Contacts, and when each was active. `last` is the last one's position if others follow it, `total` how many match
    (None: not counted)."""

    contacts: list[tuple[Contact, Seen | None]]
    last: Position | None
    total: int | None
