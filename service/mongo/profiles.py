"""The collections `profiles` (a contact's figures) and `profile_rows` (sessions and devices: what is counted once)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, UpdateOne

from schemas.events import Source
from service.conversations.model import Direction
from service.mongo.bulk_writes import write_all
from service.mongo.documents import Document, conversed_document, device_document, mark_document, profile_of
from service.mongo.errors import translated
from service.mongo.removal import remove_some
from service.profile.conversed import Conversed, LastMessage
from service.profile.model import MAX_DEVICES, Device, Profile, Totals

INDEXES = [IndexModel([("tenant_id", 1), ("contact_id", 1)])]
"""Of `profile_rows`: what a rebuild and an erasure walk."""

_DEVICE_ORDER = dict.fromkeys(Device._fields, 1)


class MongoProfiles:
    """Implements `service.profile.ports.Profiles`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._profiles = database["profiles"]
        self._rows = database["profile_rows"]
        self._threads = database["conversation_threads"]
        self._session = session

    async def add(self, tenant_id: str, totals: Mapping[str, Totals]) -> None:
        new = await self._add_rows(tenant_id, totals)
        writes = [
            UpdateOne({"_id": contact_id, "tenant_id": tenant_id}, _update(total, new[contact_id]), upsert=True)
            for contact_id, total in sorted(totals.items())
        ]
        await write_all(self._profiles, writes, self._session)

    async def converse(self, tenant_id: str, contact_ids: Sequence[str]) -> None:
        figures = await self._conversed(tenant_id, contact_ids)
        writes = [
            UpdateOne(
                {"_id": contact_id, "tenant_id": tenant_id},
                {"$set": {"conversed": conversed_document(figures[contact_id])}, "$inc": {"touched": 1}},
                upsert=True,
            )
            for contact_id in contact_ids
        ]
        await write_all(self._profiles, writes, self._session)

    async def _conversed(self, tenant_id: str, contact_ids: Sequence[str]) -> Mapping[str, Conversed]:
        """As `service.profile.conversed` has it, counted by the server: a contact may have thousands of threads."""
        with translated():
            found = self._threads.aggregate(conversed_of(tenant_id, contact_ids), session=self._session)
            groups = await found.to_list(None)
        figures: defaultdict[str, Conversed] = defaultdict(Conversed)
        for contact_id, of_contact in groupby(groups, key=lambda group: str(group["_id"]["contact_id"])):
            figures[contact_id] = _together(list(of_contact))
        return figures

    async def get(self, tenant_id: str, contact_id: str) -> Profile | None:
        with translated():
            found = await self._profiles.find_one({"_id": contact_id, "tenant_id": tenant_id}, session=self._session)
        return profile_of(found) if found else None

    async def get_many(self, tenant_id: str, contact_ids: Sequence[str]) -> dict[str, Profile]:
        criteria = {"_id": {"$in": list(contact_ids)}, "tenant_id": tenant_id}
        with translated():
            found = await self._profiles.find(criteria, session=self._session).to_list(None)
        return {document["_id"]: profile_of(document) for document in found}

    async def touch(self, tenant_id: str, contact_id: str) -> None:
        with translated():
            await self._profiles.update_one(
                {"_id": contact_id, "tenant_id": tenant_id},
                {"$inc": {"touched": 1}},
                upsert=True,
                session=self._session,
            )

    async def close(self, tenant_id: str, contact_id: str) -> None:
        with translated():
            # Replaced, not deleted: deleting what is not there yet would be no write, and conflict with nobody.
            await self._profiles.replace_one(
                {"_id": contact_id, "tenant_id": tenant_id},
                {"tenant_id": tenant_id},
                upsert=True,
                session=self._session,
            )

    async def remove_rows(self, tenant_id: str, contact_id: str, limit: int) -> int:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        return await remove_some(self._rows, criteria, limit)

    async def _add_rows(self, tenant_id: str, totals: Mapping[str, Totals]) -> defaultdict[str, list[Document]]:
        """Insert what was not seen before; the keys that were new, by contact. One look for sessions and devices, since
        every batch takes it."""
        new: defaultdict[str, list[Document]] = defaultdict(list)
        keys = [key for contact_id, total in sorted(totals.items()) for key in _keys(contact_id, total)]
        if not keys:
            return new
        with translated():
            found = await self._rows.find({"_id": {"$in": keys}}, {"_id": 1}, session=self._session).to_list(None)
            known = {tuple(item["_id"].values()) for item in found}
            fresh = [key for key in keys if tuple(key.values()) not in known]
            if fresh:
                rows = [{"_id": key, "tenant_id": tenant_id, "contact_id": key["contact_id"]} for key in fresh]
                await self._rows.insert_many(rows, ordered=False, session=self._session)
        for key in fresh:
            new[key["contact_id"]].append(key)
        return new


def conversed_of(tenant_id: str, contact_ids: Sequence[str]) -> list[Document]:
    """The pipeline: for each contact and source, how many threads are shown, their first message and the newest one."""
    # The order of its fields is the order of threads.
    last = {"at": "$shown.last_message_at", "thread": "$conversation_id", "direction": "$shown.last_message_direction"}
    return [
        {
            "$match": {
                "tenant_id": tenant_id,
                "contact_id": {"$in": list(contact_ids)},
                "shown.last_message_at": {"$exists": True},
            }
        },
        {
            "$group": {
                "_id": {"contact_id": "$contact_id", "source": "$source"},
                "count": {"$sum": 1},
                "first_at": {"$min": "$shown.first_message_at"},
                "last": {"$max": last},
            }
        },
        {"$sort": {"_id": 1}},
    ]


def _together(sources: Sequence[Document]) -> Conversed:
    newest = max(sources, key=lambda group: (group["last"]["at"], group["last"]["thread"]))
    last = newest["last"]
    return Conversed(
        counts={Source(group["_id"]["source"]): group["count"] for group in sources},
        first_at=min(group["first_at"] for group in sources),
        last=LastMessage(last["at"], Direction(last["direction"]), Source(newest["_id"]["source"])),
    )


def _keys(contact_id: str, total: Totals) -> list[Document]:
    """Of the rows; the order of the fields is part of each."""
    sessions = [{"contact_id": contact_id, "session_id": session_id} for session_id in sorted(total.session_ids)]
    return sessions + [{"contact_id": contact_id, **device_document(device)} for device in sorted(total.devices)]


def _update(total: Totals, new: Sequence[Document]) -> Document:
    """The update that counts `total` in. `touched` makes it a write even where every figure stays as it is: a deletion
    must conflict with it."""
    lowest = {
        "first_seen_at": total.first_seen_at,
        "first_referrer": mark_document(total.first_referrer),
        "first_utm": mark_document(total.first_utm),
    }
    highest = {
        "last_seen_at": total.last_seen_at,
        "last_page": mark_document(total.last_page),
        "last_utm": mark_document(total.last_utm),
    }
    sessions = sum("session_id" in key for key in new)
    update: Document = {"$inc": {"page_views": total.page_views, "sessions": sessions, "touched": 1}}
    update |= {"$addToSet": {"sources": {"$each": sorted(total.sources)}}}
    if devices := [{name: key[name] for name in Device._fields} for key in new if "session_id" not in key]:
        # The first of all, whatever the order in which they come: the list is cut after it is sorted.
        update["$inc"]["device_count"] = len(devices)
        update["$push"] = {"devices": {"$each": devices, "$sort": _DEVICE_ORDER, "$slice": MAX_DEVICES}}
    for operator, fields in (("$min", lowest), ("$max", highest)):
        given = {name: value for name, value in fields.items() if value is not None}
        if given:
            update[operator] = given
    return update
