"""Contacts read per second, against the bare driver."""

from tests.benchmarks.figures import Figure, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.system import System

_NAME = "contacts read in detail"
_DIFFERENT = 500


async def measure(system: System, plan: Plan) -> list[Figure]:
    """`GET /v1/contacts/:id` of 500 contacts in turn: those with a profile and a timeline, where there are such."""
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
    rounds = await in_turn(system.say, _NAME, plan.rounds, through_the_api, {one: one_document, same: same_documents})
    figures = [compared(_NAME, "/s", rounds, ceiling, None) for ceiling in (one, same)]
    figures[0].details["latencies"] = latencies
    return figures
