"""Made-up contacts, as the service would store them had each been imported. Pure.

Much is uneven, as in life: few companies have most of the people, a tenth of the stages have half of the contacts, a
third have a LinkedIn profile, newer months have more contacts than older ones, and much is simply not known.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from deploy.seed.plan import FIRST, LAST, PORTION, SeedPlan
from deploy.seed.vocabulary import (
    FIRST_NAMES,
    INDUSTRIES,
    JOB_TITLES,
    LAST_NAMES,
    LEAD_STATUSES,
    LIFECYCLE_STAGES,
    PLACES,
    Company,
    company,
)
from service.contacts.model import Contact

_CONTACTS_A_COMPANY = 25
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NO_ADDRESS = re.compile(r"[^a-z]+")


def people(plan: SeedPlan, portion: int) -> Iterator[Contact]:
    """A portion's contacts, oldest first."""
    chance = plan.chance(portion)
    for number in plan.numbers(portion):
        yield _contact(plan, number, chance)


def _contact(plan: SeedPlan, number: int, chance: Random) -> Contact:
    created_at = _created_at(plan, number, chance)
    first, last = FIRST_NAMES.one(chance), LAST_NAMES.one(chance)
    employer = _employer(plan, chance)
    mark = plan.tag + _base36(number)
    enriched_at = _enriched_at(created_at, chance) if chance.random() < 0.3 else None
    return Contact(
        contact_id=f"ct_{plan.ulid(created_at, f'contact {number}')}",
        tenant_id=plan.tenant_id,
        email=_email(first, last, mark, employer, chance),
        properties=_properties(first, last, mark, employer, chance),
        created_at=created_at,
        updated_at=enriched_at or created_at,
        committed_at=enriched_at or created_at,
        visitor_ids=tuple(_visitor_ids(plan, number, chance)),
        company_ids=(employer.company_id,) if employer else (),
        creation_source="import",
        enrichment_status="enriched" if enriched_at else "not_enriched",
        enriched_at=enriched_at,
        enriched_by="seed" if enriched_at else None,
        version=2 if enriched_at else 1,
        # Nothing was published for it: a subscriber's first event will be number 1.
        sequence=0,
    )


def _created_at(plan: SeedPlan, number: int, chance: Random) -> datetime:
    """Later contacts are closer together: as many in the last quarter of the time as in the first three sevenths."""
    part = ((number + chance.random()) / plan.contacts) ** 0.6
    return FIRST + timedelta(milliseconds=int((LAST - FIRST) / timedelta(milliseconds=1) * part))


def _enriched_at(created_at: datetime, chance: Random) -> datetime:
    return min(created_at + timedelta(milliseconds=int(chance.expovariate(1 / 86_400_000)) + 1), LAST)


def _employer(plan: SeedPlan, chance: Random) -> Company | None:
    """Of a fifth nothing is known; of the others, as many work for the first ten companies as for the next ninety."""
    if chance.random() < 0.2:
        return None
    companies = max(10, plan.contacts // _CONTACTS_A_COMPANY)
    return company(int(math.exp(chance.random() * math.log(companies))) - 1)


def _email(first: str, last: str, mark: str, employer: Company | None, chance: Random) -> str:
    """`mark` makes it one of a kind."""
    host = employer.domain if employer and chance.random() < 0.8 else f"mail{chance.randrange(4)}.example"
    words = [word for word in (_ascii(first), _ascii(last)) if word]
    return f"{'.'.join([*words, mark])}@{host}"


def _ascii(name: str) -> str:
    """What of a name can stand in a plain address."""
    return _NO_ADDRESS.sub("", unicodedata.normalize("NFKD", name).lower())


def _properties(first: str, last: str, mark: str, employer: Company | None, chance: Random) -> dict[str, Any]:
    place = PLACES.one(chance)
    known: dict[str, Any] = {"firstname": first, "lastname": last, "lifecyclestage": LIFECYCLE_STAGES.one(chance)}
    if employer:
        known |= {"company": employer.name, "jobtitle": JOB_TITLES.one(chance)}
        if chance.random() < 0.5:
            known["website"] = f"https://www.{employer.domain}"
    if chance.random() < 0.6:
        known["lead_status"] = LEAD_STATUSES.one(chance)
    if chance.random() < 0.9:
        known |= {"country": place.country, "state": place.state, "city": place.city}
    if chance.random() < 0.7:
        known["industry"] = INDUSTRIES.one(chance)
    if chance.random() < 0.35:
        known["linkedin_url"] = f"https://www.linkedin.com/in/{_ascii(first) or 'member'}-{mark}"
    if chance.random() < 0.4:
        known["phone"] = f"+1 555 {chance.randrange(100, 1000)} {chance.randrange(10_000):04d}"
    if chance.random() < 0.25:
        known |= {"employees": int(chance.paretovariate(0.8)) % 500_000, "newsletter": chance.random() < 0.5}
    return known


def _visitor_ids(plan: SeedPlan, number: int, chance: Random) -> Iterator[str]:
    """Three in five were seen on the website, and some of them with a second browser. A portion's first always was:
    somebody must have the portion's visits."""
    share = chance.random() if number % PORTION else 0.5
    for browser in range((share < 0.6) + (share < 0.12)):
        yield f"v-{plan.tag}-{number}-{browser}"


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits
