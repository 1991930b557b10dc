"""The collection `profile_rebuilds`: how far an unfinished rebuild is."""

from motor.motor_asyncio import AsyncIOMotorDatabase

from service.contacts.ports import ContactPlace
from service.mongo.documents import Document
from service.mongo.errors import translated
from service.profile.ports import RebuildProgress, RebuildScope


class MongoProfileRebuilds:
    """Implements `service.profile.ports.ProfileRebuilds`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document]) -> None:
        self._collection = database["profile_rebuilds"]

    async def load(self, scope: RebuildScope) -> RebuildProgress | None:
        with translated():
            found = await self._collection.find_one({"_id": scope._asdict()})
        if found is None:
            return None
        behind = found["behind"]
        place = ContactPlace(behind["tenant_id"], behind["created_at"], behind["contact_id"]) if behind else None
        return RebuildProgress(place, found["looked_at"], found["wrong"], found["busy"])

    async def save(self, scope: RebuildScope, progress: RebuildProgress) -> None:
        document = {
            "behind": progress.behind._asdict() if progress.behind else None,
            "looked_at": progress.looked_at,
            "wrong": progress.wrong,
            "busy": progress.busy,
        }
        with translated():
            await self._collection.replace_one({"_id": scope._asdict()}, document, upsert=True)

    async def forget(self, scope: RebuildScope) -> None:
        with translated():
            await self._collection.delete_one({"_id": scope._asdict()})
