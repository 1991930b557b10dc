"""kill -9 of anything, at any moment: nothing acknowledged is lost, nothing is counted twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.stack import LocalStack
from tests.support.load import Load, judge
from tests.support.service_processes import System, own_stack, print_seed, running_system
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


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with own_stack() as stack:
        yield stack


@pytest.mark.parametrize("server", ["mongod", "kafka"])
async def test_a_server_is_killed_and_comes_back(stack: LocalStack, server: str) -> None:
    dice = print_seed("test_a_server_is_killed_and_comes_back")
    victim = stack.mongod if server == "mongod" else stack.kafka
    async with running_system(stack.mongod.address, stack.kafka.address) as system:
        load = Load(system)
        running = asyncio.create_task(load.run())
        for _ in range(2):
            some = len(load.acknowledged) + dice.randrange(5, 25)
            await eventually(lambda some=some: load.reached(some), 60, "more contacts were created")  # type: ignore[misc]
            await asyncio.to_thread(victim.kill)
            await asyncio.to_thread(victim.start)
        some = len(load.acknowledged) + 10
        await eventually(lambda: load.reached(some), 60, "contacts are created again")
        load.stop()
        await running

        await judge(system, load)
