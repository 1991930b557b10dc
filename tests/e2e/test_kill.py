"""kill -9 of our processes, in turn: nothing acknowledged is lost, nothing is counted twice. The servers' turn comes in
`make chaos`."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.load import Load, judge
from tests.support.service_processes import System, print_seed, running_system
from tests.support.waiting import eventually

ROUNDS = 6


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    async with running_system(mongo_url, kafka_bootstrap) as system:
        yield system


async def test_processes_are_killed_in_turn(system: System) -> None:
    dice = print_seed("test_processes_are_killed_in_turn")
    load = Load(system)
    running = asyncio.create_task(load.run())
    victims = [system.api, system.relay, system.consumer] * (ROUNDS // 3)
    dice.shuffle(victims)
    for victim in victims:
        some = len(load.acknowledged) + dice.randrange(3, 20)
        await eventually(lambda some=some: load.reached(some), 30, "more contacts were created")  # type: ignore[misc]
        await victim.restart()
    load.stop()
    await running

    assert len(load.acknowledged) > 3 * ROUNDS
    await judge(system, load)
