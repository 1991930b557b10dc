"""The ceilings: the bare driver in a process of its own, with the service's write concern, indexes and documents.

Reads a job (JSON) from stdin, writes a result to stdout.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import WriteConcern
from pymongo.read_concern import ReadConcern
from ulid import ULID

from service.contacts.read import RECENT_EVENTS
from service.mongo.documents import SEEN
from service.mongo.indexes import all_indexes
from service.mongo.store import connect, database_of
from service.settings import MongoSettings
from tests.benchmarks.http_load import CONCURRENCY, WARM_UP

Document = dict[str, Any]
Client = AsyncIOMotorClient[Document]
Database = AsyncIOMotorDatabase[Document]
Operation = Callable[[], Awaitable[object]]

_SNAPSHOT = ReadConcern("snapshot")
_NEWEST = [("tenant_id", 1), ("created_at", -1), ("_id", -1)]
_DURABLE = WriteConcern(w="majority", j=True)


async def _per_second(operations: Iterable[Operation], at_once: int) -> float:
    shared, done = iter(operations), 0

    async def one_after_another() -> None:
        nonlocal done
        for operation in shared:
            await operation()
            done += 1

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(one_after_another())
    return done / (time.perf_counter() - started)


async def create(client: Client, database: Database, contact_ids: list[str]) -> float:
    """Contacts per second: the documents of these contacts once more, under new ids, one transaction for each."""
    ready = [await _documents_again(database, contact_id) for contact_id in contact_ids]

    def operation(documents: dict[str, list[Document]]) -> Operation:
        async def write() -> None:
            async with await client.start_session() as session, session.start_transaction(_SNAPSHOT, _DURABLE):
                for name, some in documents.items():
                    await database[name].insert_many(some, session=session)

        return write

    operations = [operation(documents) for documents in ready]
    await _per_second(operations[:WARM_UP], CONCURRENCY)
    return await _per_second(operations[WARM_UP:], CONCURRENCY)


async def create_batches(client: Client, database: Database, contact_ids: list[str], batch: int) -> float:
    """The same with the documents of `batch` contacts in each transaction, one transaction after another."""
    ready = [await _documents_again(database, contact_id) for contact_id in contact_ids]
    started = time.perf_counter()
    for first in range(0, len(ready), batch):
        some = ready[first : first + batch]
        async with await client.start_session() as session, session.start_transaction(_SNAPSHOT, _DURABLE):
            for name in ("identities", "contacts", "events", "outbox"):
                documents = [document for contact in some for document in contact[name]]
                await database[name].insert_many(documents, session=session)
    return len(ready) / (time.perf_counter() - started)


async def _documents_again(database: Database, contact_id: str) -> dict[str, list[Document]]:
    """What the creation of a contact stored, as if it were another contact's."""
    contact = await database.contacts.find_one({"_id": contact_id})
    outbox = await database.outbox.find_one({"contact_id": contact_id, "sequence": 1})
    if contact is None or outbox is None:
        raise RuntimeError("the contact to be written again is not there")
    identities = await database.identities.find(
        {"_id.tenant_id": contact["tenant_id"], "contact_id": contact_id}
    ).to_list(None)
    event = await database.events.find_one({"_id": outbox["_id"]})
    fresh, event_id = f"ct_{ULID()}", f"evt_{ULID()}"
    for identity in identities:
        identity["_id"]["value"] = f"again-{fresh}-{identity['_id']['value']}"
        identity |= {"contact_id": fresh, "link_task": str(ULID())}
    value = (
        outbox["value"].replace(contact_id.encode(), fresh.encode()).replace(outbox["_id"].encode(), event_id.encode())
    )
    return {
        "identities": identities,
        "contacts": [contact | {"_id": fresh}],
        "events": [dict(event or {}) | {"_id": event_id, "contact_id": fresh}],
        # The shard is the old one: as many records in each, for the relay to publish.
        "outbox": [outbox | {"_id": event_id, "contact_id": fresh, "value": value, "published_at": None}],
    }


async def find_one(_: Client, database: Database, tenant_id: str, contact_ids: list[str]) -> float:
    """Contacts read per second, the document alone."""

    def operation(contact_id: str) -> Operation:
        return lambda: database.contacts.find_one({"_id": contact_id, "tenant_id": tenant_id})

    return await _per_second([operation(contact_id) for contact_id in contact_ids], CONCURRENCY)


async def find_detail(_: Client, database: Database, tenant_id: str, contact_ids: list[str]) -> float:
    """Contacts read per second with all that the detail shows: the profile and the newest events."""

    def operation(contact_id: str) -> Operation:
        async def read() -> None:
            key = {"_id": contact_id, "tenant_id": tenant_id}
            await database.contacts.find_one(key)
            await database.profiles.find_one(key)
            events = database.events.find({"tenant_id": tenant_id, "contact_id": contact_id})
            await events.sort([("timestamp", -1), ("_id", -1)]).limit(RECENT_EVENTS).to_list(None)

        return read

    return await _per_second([operation(contact_id) for contact_id in contact_ids], CONCURRENCY)


async def find_page(_: Client, database: Database, tenant_id: str, limit: int, pages: int, counted: int) -> float:
    """Pages read per second with all that a list shows: the newest contacts, and of their profiles as much as the API
    reads; and, up to `counted` (0: not at all), how many there are."""
    whole = {"tenant_id": tenant_id}

    async def read() -> None:
        found = database.contacts.find(whole, {"listing": 0}).sort([("created_at", -1), ("_id", -1)]).limit(limit + 1)
        ids = [contact["_id"] for contact in await found.to_list(None)]
        await database.profiles.find({"_id": {"$in": ids}, **whole}, SEEN).to_list(None)
        if counted:
            await database.contacts.count_documents(whole, limit=counted, hint=_NEWEST)

    return await _per_second([read] * pages, CONCURRENCY)


async def insert_events(_: Client, database: Database, run: str, batch: int, at_once: int) -> float:
    """Events per second: those that a run's visitors left, in the order of their storing, into a new collection."""
    documents = await database.events.find({"visitor_id": {"$regex": f"^{run}-"}}).sort("$natural", 1).to_list(None)
    again = database[f"again_{run}"]
    await database.create_collection(again.name)
    await again.create_indexes(all_indexes(outbox_retention_seconds=3600)["events"])
    batches = [documents[start : start + batch] for start in range(0, len(documents), batch)]

    def operation(some: list[Document]) -> Operation:
        return lambda: again.insert_many(some, ordered=False)

    batches_per_second = await _per_second([operation(some) for some in batches], at_once)
    await again.drop()
    return batches_per_second * len(documents) / len(batches)


_TASKS: dict[str, Callable[..., Awaitable[float]]] = {
    "create": create,
    "create_batches": create_batches,
    "find_one": find_one,
    "find_detail": find_detail,
    "find_page": find_page,
    "insert_events": insert_events,
}


async def _run(job: dict[str, Any]) -> dict[str, float]:
    settings = MongoSettings(mongo_url=job["mongo_url"])
    client = connect(settings)
    try:
        return {"per_second": await _TASKS[job["task"]](client, database_of(client, settings), **job["arguments"])}
    finally:
        client.close()


if __name__ == "__main__":
    json.dump(asyncio.run(_run(json.load(sys.stdin))), sys.stdout)
