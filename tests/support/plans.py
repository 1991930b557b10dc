"""What MongoDB would do for a query, and what it did."""

from typing import Any

from service.mongo.store import MongoStore

Plan = dict[str, Any]


async def explain_find(
    store: MongoStore, collection: str, criteria: Any, sort: list[tuple[str, int]], limit: int = 0
) -> Plan:
    """The explain answer of a find, executed."""
    find = {"find": collection, "filter": criteria, "sort": dict(sort), "limit": limit}
    return await _explain(store, find)


async def explain_count(store: MongoStore, collection: str, criteria: Any, limit: int) -> Plan:
    """The same for a count, as count_documents asks for it."""
    pipeline = [{"$match": criteria}, {"$limit": limit}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    return await explain_aggregate(store, collection, pipeline)


async def explain_aggregate(store: MongoStore, collection: str, pipeline: list[Any]) -> Plan:
    """The same for an aggregation."""
    return await _explain(store, {"aggregate": collection, "pipeline": pipeline, "cursor": {}})


async def _explain(store: MongoStore, command: Plan) -> Plan:
    answer: Plan = await store.database.command("explain", command, verbosity="executionStats")
    return answer


def stages_of(plan: Any) -> set[str]:
    """The names of all stages of the plan that won, those of an aggregation and its branches included."""
    found: set[str] = set()
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            found.add(plan["stage"])
        for name, part in plan.items():
            if name not in ("rejectedPlans", "command"):
                found |= stages_of(part)
            if name == "stages":
                found |= {stage for element in part for stage in element if stage.startswith("$")}
    elif isinstance(plan, list):
        found = set().union(*map(stages_of, plan))
    return found


def examined(plan: Any) -> tuple[int, int]:
    """Keys and documents looked at, over all parts of the plan."""
    if isinstance(plan, list):
        parts = [examined(part) for part in plan]
        return sum(keys for keys, _ in parts), sum(documents for _, documents in parts)
    if not isinstance(plan, dict):
        return 0, 0
    if "totalKeysExamined" in plan:
        return plan["totalKeysExamined"], plan["totalDocsExamined"]
    return examined([part for name, part in plan.items() if name not in ("rejectedPlans", "command")])
