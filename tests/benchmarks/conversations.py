"""Gmail messages and Intercom notifications per second from Kafka to MongoDB, one process each.

All is in Kafka before the consumer starts; half of those who write are contacts that exist. There is no ceiling: what
is stored is a mail joined with its thread, its rows and its events, for which the bare driver has no like.
"""

import statistics
from collections.abc import Callable, Iterator

from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS
from tests.benchmarks.consumers import consumers, counted, produce, rate_until
from tests.benchmarks.conversation_samples import THREAD, contact_body, mails, notifications
from tests.benchmarks.figures import Figure
from tests.benchmarks.plan import Plan
from tests.benchmarks.system import System

_Sample = Callable[[str, int], Iterator[tuple[bytes, bytes]]]
_SOURCES: tuple[tuple[str, str, str, _Sample], ...] = (
    ("gmail", GMAIL_MESSAGES, "Gmail messages ingested", mails),
    ("intercom", INTERCOM_EVENTS, "Intercom notifications ingested", notifications),
)


async def measure(system: System, plan: Plan) -> list[Figure]:
    """Each source in turn, so many rounds."""
    found: dict[str, list[float]] = {name: [] for _, _, name, _ in _SOURCES}
    for number in range(plan.rounds):
        for source, topic, name, sample in _SOURCES:
            per_second = await _round(system, plan, (source, topic), sample, f"{source}{number}")
            found[name].append(per_second)
            system.say(f"{name}, round {number + 1} of {plan.rounds}: {per_second:,.0f}/s")
    return [Figure(name, statistics.median(rounds), "/s", details={"rounds": rounds}) for name, rounds in found.items()]


async def _round(system: System, plan: Plan, where: tuple[str, str], sample: _Sample, run: str) -> float:
    source, topic = where
    people = range(0, plan.messages // THREAD, 2)
    await system.http([("POST", "/v1/contacts", contact_body(run, one)) for one in people], 201)
    await system.settle()
    before = await counted(system, topic)
    await produce(system, topic, sample(run, plan.messages))
    async with consumers(system, source, ready=False):
        return await rate_until(system, topic, before, plan.messages)
