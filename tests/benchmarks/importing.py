"""Contacts imported per second, against the bare driver writing the same documents in transactions of as many."""

import asyncio
import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from service.imports.run import BATCH_ROWS
from tests.benchmarks.figures import Figure, Mark, compared, in_turn
from tests.benchmarks.plan import Plan
from tests.benchmarks.samples import contact_body
from tests.benchmarks.system import RELAY, System

_NAME = "contacts imported from CSV, change events included"


async def measure(system: System, plan: Plan) -> list[Figure]:
    """The relay stands still, and publishes both afterwards. Starting a process and looking the file through beforehand
    is not in the figure; reading and validating each row is."""
    ids: list[str] = []
    processor: list[dict[str, float]] = []
    with TemporaryDirectory(prefix="pathbound-bench-import-") as directory:

        async def by_import(number: int) -> float:
            run = f"import{number}"
            path = Path(directory) / f"{run}.csv"
            _write(path, run, plan.imported)
            await asyncio.to_thread(system.stop, RELAY)
            job = {"mongo_url": system.addresses.mongo_url, "path": str(path), "tenant_id": system.tenant_id}
            result = await system.worker("import_load", job)
            newest = system.database.contacts.find({"email": {"$regex": f"\\.{run}\\."}}, {"_id": 1})
            ids[:] = [item["_id"] for item in await newest.to_list(None)]
            processor.append({"processor_us": result["processor_us"]})
            return float(result["per_second"])

        async def by_driver(_: int) -> float:
            result = await system.bare("create_batches", contact_ids=ids, batch=BATCH_ROWS)
            await asyncio.to_thread(system.start, RELAY)
            await system.settle()
            return float(result["per_second"])

        ceiling = "bare transactions, as many in each"
        rounds = await in_turn(system.say, _NAME, plan.rounds, by_import, {ceiling: by_driver})
    figure = compared(_NAME, "/s", rounds, ceiling, Mark(1_000, "value", "at least"))
    figure.details["processor"] = processor
    return [figure]


def _write(path: Path, run: str, rows: int) -> None:
    bodies = (contact_body(run, number) for number in range(rows))
    flat = [{**body.pop("properties"), **body} for body in bodies]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, flat[0])
        writer.writeheader()
        writer.writerows(flat)
