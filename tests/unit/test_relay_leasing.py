"""Shares and rounds of leases, over a lease table whose clock the test holds."""

import asyncio

import pytest

from service.errors import StoreUnavailableError
from service.outbox.leasing import LeaseKeeper, fair_share, preferred, surplus, wanted
from service.outbox.model import SHARDS

SECONDS = 6.0


class Table:
    """Leases as MongoDB keeps them, with `now` the server's clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.away = False
        self.hangs = False
        self.answer_seconds = 0.0
        self.leases: dict[int, tuple[str, float]] = {}
        self.members: dict[str, float] = {}

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise StoreUnavailableError

    async def heartbeat(self, holder: str, seconds: float) -> int:
        await self._answer()
        self.members[holder] = self.now + seconds
        return sum(until > self.now for until in self.members.values())

    async def acquire(self, shard: int, holder: str, seconds: float) -> bool:
        await self._answer()
        owner, until = self.leases.get(shard, (holder, 0.0))
        if owner != holder and until > self.now:
            return False
        self.leases[shard] = (holder, self.now + seconds)
        self.now += self.answer_seconds
        return True

    async def release(self, shard: int, holder: str) -> None:
        await self._answer()
        if self.leases.get(shard, ("", 0.0))[0] == holder:
            del self.leases[shard]

    async def depart(self, holder: str) -> None:
        await self._answer()
        self.members.pop(holder, None)

    async def holders(self) -> dict[int, str]:
        await self._answer()
        return {shard: holder for shard, (holder, until) in self.leases.items() if until > self.now}


class Member:
    """A relay that holds what its rounds gave it, and gives back at once."""

    def __init__(self, table: Table, name: str) -> None:
        self.table = table
        self.held: set[int] = set()
        self.until = 0.0
        self.keeper = LeaseKeeper(table, name, SECONDS, lambda: table.now)

    async def round(self) -> None:
        outcome = await self.keeper.round(self.held)
        self.held = {*outcome.renewed, *outcome.gained}
        self.until = outcome.until
        for shard in outcome.surplus:
            await self.keeper.give_back(shard)


@pytest.mark.parametrize("members", range(12))
def test_fair_shares_cover_all_shards_and_no_relay_is_asked_to_hold_more_than_needed(members: int) -> None:
    share = fair_share(members)
    assert share * max(members, 1) >= SHARDS
    assert (share - 1) * max(members, 1) < SHARDS


def test_preference_is_a_permutation_that_depends_on_the_holder() -> None:
    orders = {tuple(preferred(f"relay-{number}")) for number in range(50)}
    assert all(sorted(order) == list(range(SHARDS)) for order in orders)
    assert len(orders) == SHARDS


def test_surplus_and_wanted_are_each_others_opposite() -> None:
    held = set(range(SHARDS))
    gone = surplus(held, "relay", 3)
    kept = held - set(gone)
    assert len(kept) == 3
    assert surplus(kept, "relay", 3) == []
    assert wanted(kept, {}, "relay", 3) == []
    assert len(wanted(kept, {}, "relay", 5)) == 2
    assert wanted(kept, dict.fromkeys(range(SHARDS), "other"), "relay", SHARDS) == []


def test_a_lease_whose_grant_was_never_heard_of_is_asked_for_again() -> None:
    assert wanted([], {3: "relay", 4: "other"}, "relay", SHARDS).count(3) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 10])
async def test_relays_that_come_one_after_another_end_in_fair_shares(count: int) -> None:
    table = Table()
    members: list[Member] = []
    for number in range(count):
        members.append(Member(table, f"relay-{number}"))
        await members[-1].round()
    for _ in range(3):
        for member in members:
            await member.round()
        table.now += SECONDS / 3
    held = [shard for member in members for shard in member.held]
    assert sorted(held) == list(range(SHARDS))
    assert max(len(member.held) for member in members) == fair_share(count)


async def test_a_dead_relays_shards_move_when_its_lease_ends_and_not_before() -> None:
    table = Table()
    dead, alive = Member(table, "dead"), Member(table, "alive")
    await dead.round()
    await alive.round()
    assert len(dead.held) == SHARDS
    assert alive.held == set()
    table.now += SECONDS - 0.1
    await alive.round()
    assert alive.held == set()
    table.now += 0.2
    await alive.round()
    assert alive.held == set(range(SHARDS))


@pytest.mark.parametrize("answer_seconds", [0.0, 0.5])
async def test_the_holder_stops_before_the_server_lets_another_in(answer_seconds: float) -> None:
    table = Table()
    table.answer_seconds = answer_seconds
    member = Member(table, "relay")
    await member.round()
    assert all(member.until < until for _, until in table.leases.values())


async def test_a_lease_lost_to_another_is_reported_lost() -> None:
    table = Table()
    first, second = Member(table, "first"), Member(table, "second")
    await first.round()
    table.now += SECONDS + 1
    await second.round()
    outcome = await first.keeper.round(first.held)
    assert set(outcome.lost) | set(outcome.surplus) == set(range(SHARDS))
    assert outcome.renewed == []
    assert outcome.gained == []


async def test_shards_on_their_way_back_are_neither_renewed_nor_asked_for() -> None:
    table = Table()
    keeper = LeaseKeeper(table, "relay", SECONDS, lambda: table.now)
    outcome = await keeper.round(held=[0], leaving=[1, 2])
    assert {1, 2}.isdisjoint({*outcome.renewed, *outcome.gained})


@pytest.mark.parametrize("fault", ["away", "hangs"])
async def test_without_the_store_nothing_counts_as_renewed(fault: str) -> None:
    table = Table()
    keeper = LeaseKeeper(table, "relay", 0.3, lambda: table.now)
    await keeper.round([])
    setattr(table, fault, True)
    with pytest.raises(StoreUnavailableError):
        await keeper.round(range(SHARDS))
