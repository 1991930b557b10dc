"""Publish every contact's snapshot anew, beside whatever happens meanwhile.

Each contact is written (without a change that anybody sees) in the transaction that puts its snapshot into the outbox.
So it takes its place in the order of the contact's shard: after what was committed before, ahead of what is after.

Whoever is still on the topic and no longer there gets a tombstone. Ids are never used again, so it overtakes nobody's
creation; and what may still wait of such a contact ends with a tombstone of its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from schemas.timestamps import iso_millis
from service.clock import Clock
from service.contacts.view import contact_object
from service.errors import ContendedError
from service.feed.model import RebuildProgress
from service.feed.ports import FeedTopic, Rebuilds
from service.feed.snapshots import contacts_told
from service.ids import new_run
from service.outbox.model import OutboxRecord
from service.outbox.snapshots import snapshot, tombstone
from service.ports import Session, Store

_CHUNK = 50
_MOST_WAITING = 1_000
"""Snapshots that may wait in the outbox: live changes of a shard wait behind them."""
_LOOK_SECONDS = 0.1

Say = Callable[[RebuildProgress, int], None]
"""Told of the progress, and how many snapshots wait for the relay."""


class SnapshotRebuilder:
    """The use-case behind `pathbound feed rebuild-snapshot`. `topic` is contacts.snapshot."""

    def __init__(self, store: Store, rebuilds: Rebuilds, topic: FeedTopic, clock: Clock) -> None:
        self._store = store
        self._rebuilds = rebuilds
        self._topic = topic
        self._clock = clock

    async def __call__(self, tenant_id: str | None, say: Say) -> RebuildProgress:
        """Until the relay has published all of them. One that was stopped goes on where it was.

        Raises StoreError's kinds, and as FeedTopic does.
        """
        await self._topic.bounds()  # without the topic nobody would publish what is asked for here
        progress = await self._rebuilds.begin(tenant_id)
        while True:
            await self._let_the_relay(_MOST_WAITING, progress, say)
            found = await self._rebuilds.contacts_after(tenant_id, progress.after, _CHUNK)
            if not found:
                break
            requested = await self._request(found)
            progress = RebuildProgress(found[-1][1], progress.requested + requested)
            await self._rebuilds.save(tenant_id, progress)
        await self._let_the_relay(0, progress, say)
        progress = replace(progress, buried=await self._bury(tenant_id, progress, say))
        await self._rebuilds.finish(tenant_id)
        return progress

    async def _bury(self, tenant_id: str | None, progress: RebuildProgress, say: Say) -> int:
        buried, token = 0, new_run()
        async for tenant, contact_ids in contacts_told(self._topic, tenant_id):
            living = await self._store.contacts.get_many(tenant, contact_ids)
            now = self._clock()
            gone = [
                tombstone(tenant, contact_id, 0, f"snapshot:{token}:{contact_id}", now)
                for contact_id in contact_ids
                if contact_id not in living
            ]
            if gone:
                await self._store.outbox.append(gone)
                buried += len(gone)
                await self._let_the_relay(0, progress, say)
        return buried

    async def _let_the_relay(self, most: int, progress: RebuildProgress, say: Say) -> None:
        while (waiting := await self._rebuilds.waiting(most + 1)) > most:
            say(progress, waiting)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _request(self, contacts: Sequence[tuple[str, str]]) -> int:
        """One transaction, or, where writers of one of them stand in the way, several smaller ones; how many."""
        token = new_run()
        try:
            async with self._store.session() as session:
                return await session.transaction(lambda: self._append(session, contacts, token))
        except ContendedError:
            if len(contacts) == 1:
                raise
            middle = len(contacts) // 2
            return await self._request(contacts[:middle]) + await self._request(contacts[middle:])

    async def _append(self, session: Session, contacts: Sequence[tuple[str, str]], token: str) -> int:
        records: list[OutboxRecord] = []
        for tenant_id, contact_id in contacts:
            held = await session.contacts.hold(tenant_id, contact_id, self._clock(), token)
            if held is None:
                continue  # deleted meanwhile: its tombstone tells of that
            contact, order_at = held
            told, time = contact_object(contact, None), iso_millis(contact.committed_at)
            record_id = f"snapshot:{token}:{contact_id}"
            records.append(snapshot(tenant_id, told, contact.sequence, time, record_id, order_at))
        if records:
            await session.outbox.append(records)
        return len(records)
