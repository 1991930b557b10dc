"""Who publishes which shard: fair shares, and one round of asking for them."""

import asyncio
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from service.errors import StoreUnavailableError
from service.outbox.model import SHARDS
from service.outbox.ports import Leases

_SAFETY = 0.1
"""The part of a lease that is not used, so that publishing stops before another may begin."""


def fair_share(members: int) -> int:
    """How many shards a relay may hold at most among so many that live (itself included)."""
    return -(-SHARDS // max(members, 1))


def preferred(holder: str) -> list[int]:
    """All shards, in the order in which this holder asks: relays that start together ask for different ones."""
    start = zlib.crc32(holder.encode()) % SHARDS
    return [(start + step) % SHARDS for step in range(SHARDS)]


def surplus(held: Collection[int], holder: str, share: int) -> list[int]:
    """Those to give back, so that `share` remain: the ones the holder would ask for last."""
    return [shard for shard in preferred(holder) if shard in held][share:]


def wanted(held: Collection[int], leased: Mapping[int, str], holder: str, share: int) -> list[int]:
    """Those to ask for, up to `share`: free, or already leased to this holder (an answer that it never got)."""
    free = [shard for shard in preferred(holder) if shard not in held and leased.get(shard, holder) == holder]
    return free[: max(share - len(held), 0)]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to. `until` is in the monotonic clock's seconds."""

    members: int
    surplus: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    renewed: list[int] = field(default_factory=list)
    gained: list[int] = field(default_factory=list)
    until: float = 0.0
    """Until when those renewed and gained may be published."""


class LeaseKeeper:
    """Keeps this holder's leases. Call `round` a few times in each lease's length."""

    def __init__(self, leases: Leases, holder: str, seconds: float, now: Callable[[], float]) -> None:
        self.holder = holder
        self.seconds = seconds
        self._leases = leases
        self._now = now

    async def round(self, held: Collection[int], leaving: Collection[int] = ()) -> Round:
        """Say that we live, renew what is held up to the fair share, ask for more below it.

        `leaving`: shards that are on their way back, neither renewed nor asked for. Raises StoreUnavailableError, also
        when it takes longer than a third of a lease; then nothing may be taken as renewed.
        """
        try:
            async with asyncio.timeout(self.seconds / 3):
                return await self._round(held, leaving)
        except TimeoutError:
            raise StoreUnavailableError from None

    async def _round(self, held: Collection[int], leaving: Collection[int]) -> Round:
        members = await self._leases.heartbeat(self.holder, self.seconds)
        share = fair_share(members)
        too_many = surplus(held, self.holder, share)
        kept = [shard for shard in held if shard not in too_many]
        asked = []
        if len(kept) < share:
            leased = await self._leases.holders()
            asked = wanted([*kept, *leaving], leased, self.holder, share)
        # From before the request: when the server counted its seconds from is not known, only that it was later.
        until = self._now() + self.seconds * (1 - _SAFETY)
        answers = await asyncio.gather(*(self._acquire(shard) for shard in [*kept, *asked]))
        mine = {shard for shard, granted in zip([*kept, *asked], answers, strict=True) if granted}
        return Round(
            members=members,
            surplus=too_many,
            lost=[shard for shard in kept if shard not in mine],
            renewed=[shard for shard in kept if shard in mine],
            gained=[shard for shard in asked if shard in mine],
            until=until,
        )

    async def _acquire(self, shard: int) -> bool:
        return await self._leases.acquire(shard, self.holder, self.seconds)

    async def depart(self) -> None:
        """This holder lives no longer. Raises StoreUnavailableError."""
        await self._leases.depart(self.holder)

    async def give_back(self, shard: int) -> None:
        """Free one shard for others. Raises StoreUnavailableError."""
        await self._leases.release(shard, self.holder)
