"""Every index, and the collections: made by `pathbound init`, again and again without harm."""

from collections.abc import Iterable

from motor.motor_asyncio import AsyncIOMotorDatabase
from pymongo import IndexModel

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
)
from service.mongo.documents import Document
from service.mongo.errors import translated

UNINDEXED = (
    *("profiles", "profile_rebuilds", "messages", "source_persons", "thread_parts"),
    *("relay_leases", "webhook_secrets", "rebuilds", "erasure_secret"),
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
        "events": [*events.INDEXES, *event_lists.INDEXES],
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
    """Make what is missing; how many indexes there are then. Raises StoreUnavailableError."""
    count = 0
    with translated():
        by_collection = all_indexes(outbox_retention_seconds)
        await create_collections(database, (*UNINDEXED, *by_collection))
        for name, models in by_collection.items():
            count += len(await database[name].create_indexes(models))
    return count


async def create_collections(database: AsyncIOMotorDatabase[Document], names: Iterable[str]) -> None:
    """Those that are missing, beforehand: creating one implicitly inside a transaction is slower, and can conflict."""
    for name in set(names) - set(await database.list_collection_names()):
        await database.create_collection(name)


def indexes_of(name: str) -> list[IndexModel]:
    """One collection's, where no setting has a say in them."""
    return all_indexes(outbox_retention_seconds=0).get(name, [])
