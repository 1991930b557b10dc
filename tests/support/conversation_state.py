"""All that MongoDB holds of conversations, in a form that does not depend on how often and when things were written."""

from typing import Any

from service.mongo.store import MongoStore

COLLECTIONS = ["messages", "source_threads", "source_persons", "conversation_rows", "conversation_threads", "events"]

_UNSAID = {"touched", "received_at", "feed_shard", "feed_at", "feed_linked"}


async def state(store: MongoStore) -> dict[str, Any]:
    """All that is stored of conversations; contacts by their addresses, since their ids differ from run to run."""
    database = store.database
    names = {one["_id"]: one["email"] async for one in database["contacts"].find({})}
    found: dict[str, Any] = {}
    for name in COLLECTIONS:
        documents = [named(one, names) async for one in database[name].find({"source": {"$ne": "crm"}})]
        if name == "events":
            # Their ids are of the contacts.
            documents = [{**one, "_id": [one["contact_id"], one["identities"], one["data"]]} for one in documents]
        found[name] = sorted((one for one in documents if one.get("emails") != []), key=lambda one: str(one["_id"]))
    profiles = [one async for one in database["profiles"].find({"conversed.counts": {"$nin": [None, {}]}})]
    found["figures"] = {names[one["_id"]]: one["conversed"] for one in profiles}
    return found


def named(value: Any, names: dict[str, str]) -> Any:
    """Without what tells how often and when things were written. Addresses of a person are a set."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in _UNSAID}
        kept |= {"emails": sorted(kept["emails"])} if "emails" in kept else {}
        return {key: named(item, names) for key, item in kept.items()}
    return names.get(value, value) if isinstance(value, str) else value
