"""Contacts created per second, against the bare driver writing the same documents."""

from tests.benchmarks.figures import Figure, Mark, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body
from tests.benchmarks.system import System

_NAME = "contacts created"


async def measure(system: System, plan: Plan) -> list[Figure]:
    """The relay runs and has to publish both: what the API created, and what the bare driver wrote into the outbox."""
    ids: list[str] = []
    latencies: list[dict[str, float]] = []

    async def through_the_api(number: int) -> float:
        run = f"create{number}"
        requests = [("POST", "/v1/contacts", contact_body(run, one)) for one in range(plan.contacts)]
        result = await system.http(requests, 201)
        await system.settle()
        newest = system.database.contacts.find({"email": {"$regex": f"\\.{run}\\."}}, {"_id": 1})
        ids[:] = [item["_id"] for item in await newest.to_list(None)]
        latencies.append({"p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"]})
        return float(result["per_second"])

    async def through_the_driver(_: int) -> float:
        result = await system.bare("create", contact_ids=ids)
        await system.settle()
        return float(result["per_second"])

    ceiling = "bare transactions"
    rounds = await in_turn(system.say, _NAME, plan.rounds, through_the_api, {ceiling: through_the_driver})
    figure = compared(_NAME, "/s", rounds, ceiling, Mark(0.5, "ratio", "at least"))
    figure.details["latencies"] = latencies
    return [figure]
