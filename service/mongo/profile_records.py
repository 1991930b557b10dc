"""The collections of profiles as a rebuild sees them; see `service.mongo.profiles`."""

from collections.abc import AsyncIterator, Sequence

from motor.motor_asyncio import AsyncIOMotorClientSession, AsyncIOMotorDatabase

from service.mongo.documents import Document, device_document, figures_document, figures_of
from service.mongo.errors import translated
from service.profile.model import Device
from service.profile.ports import CountedOnce, StoredProfile

_PORTION = 500


class MongoProfileRecords:
    """Implements `service.profile.ports.ProfileRecords`."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], session: AsyncIOMotorClientSession | None) -> None:
        self._profiles = database["profiles"]
        self._rows = database["profile_rows"]
        self._session = session

    async def get(self, tenant_id: str, contact_id: str) -> StoredProfile:
        with translated():
            found = await self._profiles.find_one({"_id": contact_id, "tenant_id": tenant_id}, session=self._session)
        return StoredProfile(figures_of(found), found.get("touched", 0)) if found else StoredProfile()

    async def replace(self, tenant_id: str, contact_id: str, profile: StoredProfile) -> None:
        document = {"tenant_id": tenant_id, "touched": profile.touched, **figures_document(profile.figures)}
        with translated():
            await self._profiles.replace_one(
                {"_id": contact_id, "tenant_id": tenant_id}, document, upsert=True, session=self._session
            )

    async def counted(self, tenant_id: str, contact_id: str) -> AsyncIterator[list[CountedOnce]]:
        criteria = {"tenant_id": tenant_id, "contact_id": contact_id}
        with translated():
            cursor = self._rows.find(criteria, {"_id": 1}, session=self._session, batch_size=_PORTION)
            while portion := await cursor.to_list(_PORTION):
                yield [_counted_of(document["_id"]) for document in portion]

    async def recount(
        self, tenant_id: str, contact_id: str, missing: Sequence[CountedOnce], surplus: Sequence[CountedOnce]
    ) -> None:
        fixed = {"tenant_id": tenant_id, "contact_id": contact_id}
        with translated():
            if missing:
                fresh = [{"_id": _key(contact_id, one), **fixed} for one in missing]
                await self._rows.insert_many(fresh, ordered=False, session=self._session)
            if surplus:
                gone = [_key(contact_id, one) for one in surplus]
                await self._rows.delete_many({"_id": {"$in": gone}, **fixed}, session=self._session)


def _key(contact_id: str, counted: CountedOnce) -> Document:
    """A row's `_id`. The order of the fields is part of the key."""
    row = device_document(counted) if isinstance(counted, Device) else {"session_id": counted}
    return {"contact_id": contact_id, **row}


def _counted_of(key: Document) -> CountedOnce:
    row = {name: value for name, value in key.items() if name != "contact_id"}
    session_id: str | None = row.get("session_id")
    return Device(**row) if session_id is None else session_id
