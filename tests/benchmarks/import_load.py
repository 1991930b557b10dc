"""An import in a process of its own. Reads a job (JSON) from stdin, writes a result to stdout."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from deploy.bootstrap import open_core
from deploy.transfer.columns import Columns
from deploy.transfer.records import RecordFile
from deploy.transfer.rows import ContactFile
from service.contacts.context import Caller
from service.imports.model import ImportKey, ImportProgress
from service.settings import MongoSettings


async def _run(job: dict[str, Any]) -> dict[str, float]:
    contacts, done = ContactFile(RecordFile(Path(job["path"]), is_csv=True), Columns({})), list[ImportProgress]()
    rows, digest = contacts.check(), contacts.digest()
    caller = Caller(job["tenant_id"], actor=None, request_id=None)
    async with open_core(MongoSettings(mongo_url=job["mongo_url"])) as core:
        started, used = time.perf_counter(), time.process_time()
        await core.import_contacts(
            ImportKey(job["tenant_id"], digest), caller, contacts.rows, done.append, asyncio.Event()
        )
        seconds, processor = time.perf_counter() - started, time.process_time() - used
    if done[-1].created != rows:
        raise RuntimeError("not every row became a contact")
    return {"per_second": rows / seconds, "processor_us": processor / rows * 1_000_000}


if __name__ == "__main__":
    json.dump(asyncio.run(_run(json.load(sys.stdin))), sys.stdout)
