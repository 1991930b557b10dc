"""Contacts for lists: made at random, put straight into the store, and filtered and sorted in plain Python."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from service.contacts.listing_keys import fold_case, search_terms, sort_key, words_of
from service.contacts.model import Contact
from service.contacts.query import ContactFilter, ContactOrder, Position
from service.mongo.documents import contact_document
from service.mongo.store import MongoStore
from tests.support.events import MORNING

_numbers = itertools.count()
TEXTS = {
    "firstname": ["Ada", "ada", "Zoë", "Zoe Ann", "小明", ".*", "", "É"],
    "lastname": ["Lovelace", "O'Brien-Smith", "O’Brien", "王", "adams"],
    "company": ["Acme & Sons", "ACME", "Ｚｏｏ", "$where", "東京Tower"],
    "jobtitle": ["CTO", "cto", "Chargé", "Chief C++ Engineer"],
    "lifecyclestage": ["lead", "customer"],
    "lead_status": ["new", "New", "open"],
    "country": ["FR", "DE"],
    "industry": ["SaaS", ".*"],
    "city": ["Paris", "paris", "\0"],
    "state": ["x", "X"],
    "linkedin_url": ["https://linkedin.com/in/a", " "],
}
EMAILS = ["ada.{}@example.com", "zoe+{}@mail.example.org", "x{}@acme.co"]
SEARCHES = [
    "a",
    "ada",
    "zoe",
    "acme",
    "ada lovelace",
    "c++",
    ".*",
    "$where",
    "明",
    "tower",
    "o'brien",
    "com x",
    "|",
    "\\",
]
MOMENTS = [MORNING + timedelta(milliseconds=one) for one in (0, 1, 1, 5_000, 86_400_000)]

_properties = st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in TEXTS.items()})


@st.composite
def contacts(draw: st.DrawFn) -> Contact:
    """A contact of no tenant yet, with an id and an address of its own."""
    number = next(_numbers)
    moment = draw(st.sampled_from(MOMENTS))
    return Contact(
        # Ids in another order than they are made in.
        contact_id=f"ct_{draw(st.integers(0, 9))}{number:08d}",
        tenant_id="",
        email=draw(st.sampled_from(EMAILS)).format(number),
        properties=draw(_properties),
        created_at=moment,
        updated_at=moment,
        committed_at=moment,
        company_ids=tuple(draw(st.sampled_from([(), ("co_1",), ("co_2", "co_1")]))),
        enrichment_status=draw(st.sampled_from(["enriched", "not_enriched"])),
    )


filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["enriched", "not_enriched"]),
        "lifecycle_stage": st.sampled_from(["lead", "customer", "mql"]),
        "job_title": st.sampled_from(["cto", "chargé", "charge"]),
        "has_linkedin": st.booleans(),
        "company_id": st.sampled_from(["co_1", "co_2", "co_3"]),
        "created_after": st.sampled_from(MOMENTS),
        "created_before": st.sampled_from(MOMENTS),
        "words": st.sampled_from(SEARCHES).map(search_terms),
        **{name: st.sampled_from(TEXTS[name]) for name in ("lead_status", "country", "industry", "city", "state")},
    },
)


async def store_contacts(store: MongoStore, tenant_id: str, some: Iterable[Contact]) -> list[Contact]:
    """Put them into a tenant, at once."""
    kept = [replace(contact, tenant_id=tenant_id) for contact in some]
    if kept:
        await store.database["contacts"].insert_many([contact_document(contact) for contact in kept])
    return kept


def matches(contact: Contact, asked: ContactFilter) -> bool:
    """What the contract says of each filter."""
    named: dict[str, Any] = contact.properties
    same = {
        "status": contact.enrichment_status,
        "lifecycle_stage": named.get("lifecyclestage"),
        "job_title": fold_case(named.get("jobtitle", "")),
        "has_linkedin": bool(named.get("linkedin_url", "").strip()),
        **{name: named.get(name) for name in ("lead_status", "country", "industry", "city", "state")},
    }
    return (
        all(getattr(asked, name) in (None, value) for name, value in same.items())
        and (asked.company_id is None or asked.company_id in contact.company_ids)
        and (asked.created_after is None or contact.created_at > asked.created_after)
        and (asked.created_before is None or contact.created_at < asked.created_before)
        and _is_found(contact, asked.words)
    )


def _is_found(contact: Contact, terms: Iterable[str]) -> bool:
    texts = [contact.email, *(contact.properties.get(name, "") for name in TEXTS if name in SEARCHED)]
    words = [word for text in texts for word in words_of(text)]
    return all(any(word.startswith(term) for word in words) for term in terms)


SEARCHED = ("firstname", "lastname", "company", "jobtitle")


def position(contact: Contact, order: ContactOrder) -> Position:
    """Where a contact stands."""
    value: datetime | str = contact.created_at
    if order is ContactOrder.EMAIL:
        value = sort_key(contact.email)
    elif order is not ContactOrder.CREATEDATE:
        value = sort_key(contact.properties.get(order.value, ""))
    return value, contact.contact_id


def listed(some: Iterable[Contact], asked: ContactFilter, order: ContactOrder, *, descending: bool) -> list[str]:
    """The ids of those that match, in order."""
    found = [contact for contact in some if matches(contact, asked)]
    found.sort(key=lambda contact: position(contact, order), reverse=descending)
    return [contact.contact_id for contact in found]
