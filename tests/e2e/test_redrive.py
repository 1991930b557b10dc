"""A record put aside by a fault that is mended since lands exactly once, however often its letter is sent again."""

import asyncio

import orjson

from consumers.runtime.dead_letters import DeadLetters
from consumers.runtime.outcomes import InvalidRecord, Record
from schemas.topics import TRACKER_EVENTS
from service.clock import system_clock
from service.ledger.balance import lines
from service.ledger.model import Outcome
from tests.support.commands import pathbound
from tests.support.events import MORNING
from tests.support.running_system import System
from tests.support.tracker_fixtures import event_id


async def redrive(system: System) -> str:
    """The command, in its own process."""
    done = await asyncio.to_thread(lambda: pathbound("dlq", "redrive", **system.env))
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_redriven_record_lands_once(system: System) -> None:
    """As if yesterday's consumer had taken these records for poison."""
    values = [
        orjson.dumps({"tenant_id": system.tenant_id, "event": "page_view", "message_id": f"m{n}", "visitorId": "v"})
        for n in range(3)
    ]
    records = [Record(system.topic(TRACKER_EVENTS), 0, n, b"v", value, MORNING) for n, value in enumerate(values)]
    dead_letters = DeadLetters(system.topics.kafka_bootstrap, "pathbound.tracker", system_clock)
    await dead_letters.publish([InvalidRecord(record, "a fault of ours", "Fault") for record in records])
    await dead_letters.close()

    assert "Sent 3 dead letters." in await redrive(system)
    assert "3 were sent before" in await redrive(system)
    await system.all_consumed()
    events = system.core.store.database["events"]
    stored = await events.find({"source": "tracker"}).to_list(None)
    assert {event["_id"] for event in stored} == {event_id(system.tenant_id, f"m{n}") for n in range(3)}
    # They have no time of their own: it is that of their first arrival, and not today's.
    assert {event["timestamp"] for event in stored} == {MORNING}

    # A run that was killed before it could note what it had sent: the letters are sent again, and change nothing.
    await system.core.store.database["redrives"].delete_many({})
    assert "Sent 3 dead letters." in await redrive(system)
    await system.all_consumed()
    assert await events.count_documents({"source": "tracker"}) == 3
    (line,) = lines(await system.core.store.ledger.rows())
    counts = {outcome: count for outcome, count in line.counts.items() if count}
    assert (line.tenant_id, counts) == (system.tenant_id, {Outcome.PARKED: 3, Outcome.DUPLICATE: 3})
