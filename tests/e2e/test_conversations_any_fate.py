"""Mail and chats through real processes end as they would have, told once and in order: whatever came in which order,
however often, whichever consumer was killed or joined, and whether or not MongoDB was there."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest

from deploy.stack import LocalStack
from service.mongo.store import MongoStore
from tests.support.conversation_judge import judge
from tests.support.running_system import CONSUMED_S, System, running_system
from tests.support.service_processes import own_stack, print_seed
from tests.support.source_records import Sent, frequent_addresses, real, traffic
from tests.support.waiting import eventually

SOURCES = ("gmail", "intercom")
REAL = real()
CHUNK = 60
Fate = Callable[[], Awaitable[None]]


@pytest.fixture
async def system(mongo_url: str, kafka_bootstrap: str) -> AsyncIterator[System]:
    async with running_system(mongo_url, kafka_bootstrap, sources=SOURCES) as system:
        yield system


def shuffled(dice: random.Random, sent: Sequence[Sent]) -> list[Sent]:
    """All of them at least once, a third of them twice, in any order."""
    again = dice.sample(sent, len(sent) // 3)
    return dice.sample([*sent, *again], len(sent) + len(again))


async def produce(system: System, sent: Sequence[Sent]) -> None:
    for source in SOURCES:
        records = [(one.key, one.value(system.tenant_id)) for one in sent if one.source == source]
        await system.produce(source, records)


async def more_is_committed(system: System, source: str) -> None:
    """Until the consumers have moved on, if there is anything left: somebody is at work, and in the midst of it."""
    before = sum((await system.committed(source)).values())
    end = sum((await system.ends(source)).values())

    async def moved() -> bool:
        return before == end or sum((await system.committed(source)).values()) > before

    await eventually(moved, CONSUMED_S, f"the consumers of {source} move on")


async def feed(system: System, sent: Sequence[Sent], fates: Sequence[Fate]) -> None:
    """Produce all, and let the fates come in between, while the consumers are at it."""
    chunks = [sent[start : start + CHUNK] for start in range(0, len(sent), CHUNK)]
    assert len(chunks) > len(fates)
    for number, chunk in enumerate(chunks):
        await produce(system, chunk)
        if number < len(fates):
            await fates[number]()


async def test_consumers_are_killed_and_join_and_leave(system: System, store: MongoStore) -> None:
    """What is made up, and what is real where the shared folder is."""
    dice = print_seed("test_consumers_are_killed_and_join_and_leave")
    people = [f"person{number}@example.com" for number in range(9)] + frequent_addresses(REAL, 6)
    dice.shuffle(people)
    gmail, intercom = system.consumers
    others = [system.add_consumer(source) for source in SOURCES]

    def create(some: list[str]) -> Fate:
        async def all_of_them() -> None:
            await asyncio.gather(*(system.user.create_contact(email) for email in some))

        return all_of_them

    def begin(number: int) -> Fate:
        async def start() -> None:
            others[number].start()

        return start

    def kill_one(number: int, *, for_good: bool) -> Fate:
        async def kill() -> None:
            victim = [gmail, intercom, *others][number]
            await more_is_committed(system, SOURCES[number % 2])
            await asyncio.to_thread(victim.kill)
            if not for_good:
                victim.start()

        return kill

    fates = [kill_one(0, for_good=False), create(people[4:8]), kill_one(1, for_good=False), begin(0), begin(1)]
    dice.shuffle(fates)
    fates += [kill_one(0, for_good=False), kill_one(1, for_good=False), kill_one(2, for_good=True)]
    await create(people[:4])()
    await feed(system, shuffled(dice, [*REAL, *traffic(300, 40)]), fates)
    await produce(system, shuffled(dice, REAL))
    for source in SOURCES:
        await system.all_consumed(source=source)
    await create(people[8:])()
    await judge(system, store, people)


@pytest.fixture
def stack(kafka_bootstrap: str) -> Iterator[LocalStack]:
    with own_stack(kafka_bootstrap) as stack:
        yield stack


async def test_mongod_goes_and_comes_back(stack: LocalStack, kafka_bootstrap: str, store: MongoStore) -> None:
    dice = print_seed("test_mongod_goes_and_comes_back")
    people = [f"person{number}@example.com" for number in range(8)]
    async with running_system(stack.mongod.address, kafka_bootstrap, sources=SOURCES) as system:

        async def away() -> None:
            await asyncio.to_thread(stack.mongod.kill)

        async def back() -> None:
            await asyncio.to_thread(stack.mongod.start)

        for email in people[:4]:
            await system.user.create_contact(email)
        await feed(system, shuffled(dice, traffic(200, 25)), [away, back, away, back])
        for source in SOURCES:
            await system.all_consumed(source=source)
        for email in people[4:]:
            await system.user.create_contact(email)
        await judge(system, store, people)
