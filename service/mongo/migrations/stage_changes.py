"""In timelines a change of the lifecycle stage is `lifecycle_stage_changed`; it had the change feed's name before."""

from service.mongo.errors import translated
from service.mongo.migrations.model import Told
from service.mongo.store import MongoStore

_FORMER, _NAME = "contact_lifecycle_stage_changed", "lifecycle_stage_changed"


async def rename_stage_changes(store: MongoStore, told: Told) -> None:
    """A tenant after the other, by the index of its events' names. A site's own events may have any name."""
    events = store.database["events"]
    done = 0
    with translated():
        for tenant_id in await events.distinct("tenant_id"):
            former = {"tenant_id": tenant_id, "event": _FORMER, "source": "crm"}
            done += (await events.update_many(former, {"$set": {"event": _NAME}})).modified_count
            told(f"{done} events renamed")
