"""Every index, and the collections: made by `pathbound init`, again and again without harm."""

import contextlib
import re
from collections.abc import Iterable, Sequence

from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from service.errors import SetupError
from service.mongo import (
    actions,
    answers,
    api_keys,
    contacts,
    conversation_rows,
    conversations,
    erasures,
    event_lists,
    events,
    identities,
    leases,
    ledger,
    notes,
    outbox,
    profiles,
    redrives,
    source_threads,
    untold,
)
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.mongo.migrations.record import COLLECTION, MigrationRecords

_DUPLICATE_KEY = 11000
_OTHER_DEFINITION = (85, 86)
_NAME_IN_ERROR = re.compile(r"(?:index: |name: \"?)(\w+)")
_FILLED_FIRST = ("contacts", "identities", "events", "outbox", "source_threads", "conversation_rows")
"""Where the first thing that is stored stands."""

UNINDEXED = (
    *("profiles", "profile_rebuilds", "messages", "source_persons", "thread_parts"),
    *("relay_leases", "webhook_secrets", "rebuilds", "imports", "erasure_secret", COLLECTION),
)
"""Collections that are read by `_id` alone."""


def all_indexes(outbox_retention_seconds: int) -> dict[str, list[IndexModel]]:
    """By collection."""
    return {
        "contacts": contacts.INDEXES,
        "tombstones": contacts.TOMBSTONE_INDEXES,
        "notes": notes.INDEXES,
        "actions": actions.INDEXES,
        "answers": answers.INDEXES,
        "identities": identities.INDEXES,
        "events": [*events.INDEXES, *event_lists.INDEXES, *untold.INDEXES],
        "profile_rows": profiles.INDEXES,
        "conversation_threads": conversations.THREAD_INDEXES,
        "conversation_rows": conversation_rows.INDEXES,
        "source_threads": source_threads.INDEXES,
        "outbox": outbox.indexes(outbox_retention_seconds),
        "relay_members": leases.MEMBER_INDEXES,
        "ledger": ledger.INDEXES,
        "redrives": redrives.INDEXES,
        "api_keys": api_keys.INDEXES,
        "erased_marks": erasures.MARK_INDEXES,
        "erasures": erasures.ERASURE_INDEXES,
    }


async def create_indexes(database: AsyncIOMotorDatabase[Document], outbox_retention_seconds: int) -> int:
    """Make what is missing; how many indexes there are then. An empty database is at the latest version from then on.

    Raises SetupError where an index cannot be built, StoreUnavailableError.
    """
    count = 0
    with translated():
        by_collection = all_indexes(outbox_retention_seconds)
        await create_collections(database, (*UNINDEXED, *by_collection))
        empty = not any([await database[name].find_one({}, {"_id": 1}) for name in _FILLED_FIRST])
        for name, models in by_collection.items():
            count += len(await build_indexes(database[name], models))
    if empty:
        await MigrationRecords(database).finish_all_of_nothing()
    return count


async def build_indexes(collection: AsyncIOMotorCollection[Document], models: Sequence[IndexModel]) -> list[str]:
    """Those that are missing; the names of all. One that is there and differs in its time to live alone is made anew.

    Raises SetupError where one cannot be built, and the driver's errors.
    """
    try:
        await _drop_other_retentions(collection, models)
        return await collection.create_indexes(models)
    except OperationFailure as error:
        fault = _fault(collection.name, error)
        if fault is None:
            raise
        raise SetupError(fault) from error


async def _drop_other_retentions(collection: AsyncIOMotorCollection[Document], models: Sequence[IndexModel]) -> None:
    there = await collection.index_information()
    for wanted in (model.document for model in models):
        kept = there.get(wanted["name"], {})
        if kept.get("expireAfterSeconds") != wanted.get("expireAfterSeconds") and "expireAfterSeconds" in kept:
            await collection.drop_index(wanted["name"])


def _fault(collection: str, error: OperationFailure) -> str | None:
    """What to do about it. No text of the server's is repeated: it holds what is stored."""
    named = _NAME_IN_ERROR.search(str(error))
    index = f"The index {named[1]}" if named else "An index"
    if error.code == _DUPLICATE_KEY:
        fields = ", ".join((error.details or {}).get("keyPattern", {})) or "key"
        return (
            f"{index} of the collection {collection} must be unique and cannot be built: several documents have the "
            f"same {fields}. Find them (an aggregation that groups by it), keep one of each, and run this again."
        )
    if error.code in _OTHER_DEFINITION:
        return (
            f"{index} of the collection {collection} cannot be built: there is one with its name or its fields that is "
            f"defined otherwise. Drop that one (db.{collection}.dropIndex), and run this again."
        )
    return None


async def create_collections(database: AsyncIOMotorDatabase[Document], names: Iterable[str]) -> None:
    """Those that are missing, beforehand: creating one implicitly inside a transaction is slower, and can conflict."""
    for name in set(names) - set(await database.list_collection_names()):
        with contextlib.suppress(CollectionInvalid):  # another init was quicker
            await database.create_collection(name)


def indexes_of(name: str) -> list[IndexModel]:
    """One collection's, where no setting has a say in them."""
    return all_indexes(outbox_retention_seconds=0).get(name, [])
