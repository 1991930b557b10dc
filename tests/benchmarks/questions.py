"""What is asked at both sizes, and which of it must not cost more where there is more."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from deploy.stack.services import TENANT
from service.api.contact_list import ContactListParameters
from tests.benchmarks.sized import RARE_COMPANY, RARE_PROPERTIES, Sized

LIST = "/v1/contacts"
_NEWEST = [("tenant_id", 1), ("created_at", -1), ("_id", -1)]
# Half of the seeded contacts are older than the one, and seven in a thousand than the other.
_MIDDLE, _NEAR_THE_END = datetime(2025, 7, 1, tzinfo=UTC), datetime(2023, 3, 15, tzinfo=UTC)
BOUNDED: Final = "bounded"
GROWS: Final = "grows"
_COMMON = {
    "status": "enriched",
    "lifecycle_stage": "customer",
    "lead_status": "open",
    "country": "Germany",
    "industry": "Software",
    "city": "London",
    "state": "California",
    "job_title": "cto",
    "has_linkedin": "true",
    "company_id": "co_000000",
    "created_after": "2024-06-01T00:00:00Z",
    "created_before": "2025-06-01T00:00:00Z",
}
"""Values that many contacts have; how many grows with the size."""
_RARE = {name: RARE_PROPERTIES[name] for name in ("lead_status", "country", "industry", "city", "state")} | {
    "job_title": RARE_PROPERTIES["jobtitle"],
    "company_id": RARE_COMPANY,
    "created_after": "2026-11-01T00:00:00Z",
}
"""Values that a page's worth of contacts have, at every size. The other filters have too few values for that."""
_RARE_SEARCHES = ("quuxley", "zyxwen quuxley", "zyxwen.quuxley.7@vwxyz-holdings.example", "keeper quokka", "vwxyz-h")
_COMMON_SEARCHES = ("anna", "software engineer", "gmbh")
_SORTS = ("email", "firstname", "lastname", "company", "createdate")


@dataclass(frozen=True)
class Question:
    """A request. A bounded one has the mark of 2; what another costs depends on how much matches."""

    name: str
    params: dict[str, str]
    cost: Literal["bounded", "grows"]
    path: str = LIST


async def questions(one: Sized) -> list[Question]:
    """The same ones for every size, in the same order; cursors are the size's own."""
    middle, last = await _position(one, _MIDDLE), await _position(one, _NEAR_THE_END)
    found = [Question("detail", {}, BOUNDED, f"{LIST}/{one.ids[0]}")]
    for sort in _SORTS:
        for direction in ("asc", "desc"):
            asked = {"sort_by": sort, "sort_dir": direction}
            found.append(Question(f"sort {sort} {direction}, page 1 with total", asked, GROWS))
            found.append(await _next_page(one, f"sort {sort} {direction}, by cursor", asked))
    found.append(Question("cursor in the middle of all", {"cursor": _cursor(middle)}, BOUNDED))
    found.append(Question("cursor near the end of all", {"cursor": _cursor(last)}, BOUNDED))
    found.append(Question("page 250 of 20, by number", {"page": "250"}, GROWS))
    for name, value in _RARE.items():
        found.append(Question(f"{name}, a page's worth", {name: value}, BOUNDED))
    for name, value in _COMMON.items():
        found.append(Question(f"{name}, common, page 1 with total", {name: value}, GROWS))
        found.append(await _next_page(one, f"{name}, common, by cursor", {name: value}))
    found += [
        Question(f"search '{text}', at most a page's worth", {"search": text}, BOUNDED) for text in _RARE_SEARCHES
    ]
    for text in _COMMON_SEARCHES:
        found.append(Question(f"search '{text}', common, page 1 with total", {"search": text}, GROWS))
        found.append(await _next_page(one, f"search '{text}', common, by cursor", {"search": text}))
    for sort in _SORTS[:-1]:
        asked = {"country": _RARE["country"], "sort_by": sort}
        found.append(Question(f"country, a page's worth, sorted by {sort}", asked, BOUNDED))
    both = {"country": "Germany", "lifecycle_stage": "customer"}
    found.append(Question("country and lifecycle_stage, both common, page 1 with total", both, GROWS))
    found.append(await _next_page(one, "country and lifecycle_stage, both common, by cursor", both))
    found.append(
        Question("summary of 100 by cursor", {"fields": "summary", "limit": "100", "cursor": _cursor(middle)}, BOUNDED)
    )
    found.append(Question("count of all", {"count_only": "true"}, GROWS))
    for name, value in _COMMON.items():
        found.append(Question(f"count of {name}, common", {name: value, "count_only": "true"}, GROWS))
    found.append(Question("count of country, a page's worth", {"country": "Atlantis", "count_only": "true"}, BOUNDED))
    found.append(Question("count of search 'quuxley'", {"search": "quuxley", "count_only": "true"}, BOUNDED))
    found.append(Question("count of search 'anna', common", {"search": "anna", "count_only": "true"}, GROWS))
    return found


async def _next_page(one: Sized, name: str, asked: dict[str, str]) -> Question:
    """Behind the first page, as a client goes on."""
    _, body = await one.get(LIST, asked)
    return Question(name, {**asked, "cursor": body["pagination"]["next_cursor"]}, BOUNDED)


async def _position(one: Sized, before: datetime) -> tuple[datetime, str]:
    """Where the newest contact stands that was created before then."""
    criteria = {"tenant_id": TENANT, "created_at": {"$lt": before}}
    found: Any = await one.database["contacts"].find_one(criteria, sort=[("created_at", -1), ("_id", -1)], hint=_NEWEST)
    return found["created_at"], found["_id"]


def _cursor(position: tuple[datetime, str]) -> str:
    """What a walk that has come so far would have been given."""
    cursor = ContactListParameters.model_validate({}).next_cursor(position, 100_000)
    if cursor is None:
        raise RuntimeError("there is no cursor behind a position")
    return cursor
