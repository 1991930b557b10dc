"""Profiles have figures (devices, conversations) that were not counted before, and mails have events of their own for
each contact: both are made anew from what is stored."""

from asyncio import Event

from service.mongo.migrations.model import Told
from service.mongo.store import MongoStore
from service.profile.ports import RebuildProgress, RebuildScope
from service.profile.rebuild import ProfileRebuilder

_TELL_EVERY = 1_000


async def rebuild_profiles(store: MongoStore, told: Told) -> None:
    """As `pathbound profiles rebuild`, which goes on where it was and lets everybody else work."""

    def tell(progress: RebuildProgress) -> None:
        if progress.looked_at % _TELL_EVERY == 0:
            told(f"{progress.looked_at} profiles looked at")

    await ProfileRebuilder(store)(RebuildScope(None, dry_run=False), tell, Event())
