"""Reads that are shared: few, and never of before one asked."""

import asyncio

import pytest

from service.access.shared_read import SharedRead


class Source:
    """Something that changes, and can be read slowly."""

    def __init__(self) -> None:
        self.value, self.reads, self.fault = 1, 0, False
        self.gate = asyncio.Event()

    async def read(self, key: str) -> tuple[str, int]:
        self.reads += 1
        seen = key, self.value
        await self.gate.wait()
        if self.fault:
            raise ConnectionError
        return seen


async def turn() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_who_ask_together_share_one_read_and_each_key_has_its_own() -> None:
    source = Source()
    shared = SharedRead(source.read)
    asked = [asyncio.create_task(shared(key)) for key in "aabaab"]
    await turn()
    source.gate.set()

    assert await asyncio.gather(*asked) == [(key, 1) for key in "aabaab"]
    assert source.reads == 2


async def test_who_asks_while_a_read_is_on_its_way_gets_a_later_one() -> None:
    source = Source()
    shared = SharedRead(source.read)
    early = asyncio.create_task(shared("a"))
    await turn()
    source.value = 2
    late = [asyncio.create_task(shared("a")) for _ in range(5)]
    await turn()
    source.gate.set()

    assert (await early)[1] == 1
    assert [found[1] for found in await asyncio.gather(*late)] == [2] * 5
    assert source.reads == 2


async def test_nothing_is_kept_once_it_is_answered() -> None:
    source = Source()
    shared = SharedRead(source.read)
    source.gate.set()
    assert (await shared("a"))[1] == 1
    source.value = 2
    assert (await shared("a"))[1] == 2


async def test_a_fault_is_told_to_all_who_shared_it_and_to_no_one_after() -> None:
    source = Source()
    shared = SharedRead(source.read)
    asked = [asyncio.create_task(shared("a")) for _ in range(3)]
    await turn()
    source.fault = True
    source.gate.set()
    assert all(isinstance(one, ConnectionError) for one in await asyncio.gather(*asked, return_exceptions=True))

    source.fault = False
    assert await shared("a") == ("a", 1)


async def test_one_who_gives_up_takes_nothing_from_the_others() -> None:
    source = Source()
    shared = SharedRead(source.read)
    first, second = asyncio.create_task(shared("a")), asyncio.create_task(shared("a"))
    await turn()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.gate.set()

    assert await second == ("a", 1)
