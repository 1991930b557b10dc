"""kill -9 of our processes, in turn: nothing acknowledged is lost, nothing is counted twice. The servers' turn comes in
`make chaos`."""

import asyncio

from tests.support.load import Load, judge
from tests.support.running_system import System
from tests.support.service_processes import print_seed
from tests.support.waiting import eventually

ROUNDS = 6


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
