"""Contacts and pages of contacts read per second, against the bare driver."""

from typing import Any

from schemas.answers import COUNTED_EXACTLY
from tests.benchmarks.figures import Figure, Mark, Measure, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body
from tests.benchmarks.system import System

_DETAIL, _PAGE, _FIRST_PAGE = (
    "contacts read in detail",
    "pages of 20 read by cursor",
    "first pages of 20, with the total",
)
_DIFFERENT = 500
_LIMIT = 20


async def measure(system: System, plan: Plan) -> list[Figure]:
    """`GET /v1/contacts/:id`, and pages of `GET /v1/contacts`. Makes contacts where no other part has left any."""
    if await system.database.contacts.find_one({}, {"_id": 1}) is None:
        bodies = [contact_body("reads", number) for number in range(_DIFFERENT)]
        await system.http([("POST", "/v1/contacts", body) for body in bodies], 201)
        await system.settle()
    return [*await _details(system, plan), *await _pages(system, plan)]


async def _details(system: System, plan: Plan) -> list[Figure]:
    """Of 500 contacts in turn: those with a profile and a timeline, where there are such."""
    profiles = await system.database.profiles.find({}, {"_id": 1}).limit(_DIFFERENT).to_list(None)
    found = profiles or await system.database.contacts.find({}, {"_id": 1}).limit(_DIFFERENT).to_list(None)
    ids = [found[number % len(found)]["_id"] for number in range(plan.reads)]
    latencies: list[dict[str, float]] = []

    async def through_the_api(_: int) -> float:
        result = await system.http([("GET", f"/v1/contacts/{one}", None) for one in ids], 200)
        latencies.append({"p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"]})
        return float(result["per_second"])

    async def one_document(_: int) -> float:
        return float((await system.bare("find_one", tenant_id=system.tenant_id, contact_ids=ids))["per_second"])

    async def same_documents(_: int) -> float:
        return float((await system.bare("find_detail", tenant_id=system.tenant_id, contact_ids=ids))["per_second"])

    one, same = "bare find_one", "bare, same documents"
    ceilings: dict[str, Measure] = {one: one_document, same: same_documents}
    rounds = await in_turn(system.say, _DETAIL, plan.rounds, through_the_api, ceilings)
    figures = [
        compared(_DETAIL, "/s", rounds, same, Mark(0.4, "ratio", "at least")),
        compared(_DETAIL, "/s", rounds, one, None),
    ]
    figures[0].details["latencies"] = latencies
    return figures


async def _pages(system: System, plan: Plan) -> list[Figure]:
    """The first page counts what there is, and so does its ceiling; a page by cursor need not."""
    first = await system.first_page(_LIMIT)
    pages = max(plan.reads // 10, 64)
    figures: list[Figure] = []
    for name, query, counted in (
        (_PAGE, f"&cursor={first['pagination']['next_cursor']}", 0),
        (_FIRST_PAGE, "", COUNTED_EXACTLY + 1),
    ):
        asked: list[tuple[str, str, Any]] = [("GET", f"/v1/contacts?limit={_LIMIT}{query}", None)] * pages

        async def through_the_api(_: int, asked: list[tuple[str, str, Any]] = asked) -> float:
            return float((await system.http(asked, 200))["per_second"])

        async def bare(_: int, counted: int = counted) -> float:
            arguments = {"tenant_id": system.tenant_id, "limit": _LIMIT, "pages": pages, "counted": counted}
            return float((await system.bare("find_page", **arguments))["per_second"])

        same = "bare, same documents"
        rounds = await in_turn(system.say, name, plan.rounds, through_the_api, {same: bare})
        figures.append(compared(name, "/s", rounds, same, Mark(0.5, "ratio", "at least")))
    return figures
