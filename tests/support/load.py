"""A mixed load whose every acknowledgement is remembered, and the judgement of what became of it."""

import asyncio
import uuid
from collections import defaultdict
from typing import Any

import aiohttp
import orjson
from aiokafka.errors import KafkaError

from tests.support.service_processes import System
from tests.support.tracker_fixtures import event_id

CLIENTS = 6
_PAUSE_S = 0.05


class Load:
    """Clients that create contacts and trackers that send visits, until told to stop; they bear with any outage."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._stop = asyncio.Event()
        self.acknowledged: dict[str, str] = {}
        """Visitor id by contact id, of each contact that was answered with 201."""
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        """Message ids by visitor id, of each visit that Kafka acknowledged."""
        self.refused = 0

    async def run(self) -> None:
        """Until `stop`; every request ends with an answer or a lost connection."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(self._client(number))

    def stop(self) -> None:
        """Finish what is under way, begin nothing."""
        self._stop.set()

    async def reached(self, contacts: int) -> bool:
        """Whether so many contacts have been acknowledged."""
        return len(self.acknowledged) >= contacts

    async def _client(self, number: int) -> None:
        turn = 0
        while not self._stop.is_set():
            visitor = f"v-{number}-{turn}"
            turn += 1
            # Some visits come before their contact, some beside its creation.
            await self._visit(visitor)
            await asyncio.gather(self._visit(visitor), self._create(visitor))

    async def _visit(self, visitor: str) -> None:
        message_id = uuid.uuid4().hex
        message = {"event": "page_view", "visitorId": visitor, "message_id": message_id, "sessionId": f"s-{visitor}"}
        try:
            await self._system.send([message])
        except (KafkaError, OSError, TimeoutError):
            self.refused += 1
            await self._pause()
        else:
            self.sent[visitor].append(message_id)

    async def _create(self, visitor: str) -> None:
        body = {"email": f"{visitor}@example.com", "visitor_id": visitor}
        try:
            reply = await self._system.user.post("/v1/contacts", body)
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.refused += 1
            await self._pause()
            return
        if reply.status == 201:
            self.acknowledged[reply.body["contact"]["contact_id"]] = visitor
        else:
            assert reply.status == 503, reply
            self.refused += 1
            await self._pause()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), _PAUSE_S)
        except TimeoutError:
            return


async def judge(system: System, load: Load) -> None:
    """Nothing acknowledged is lost, nothing is counted twice."""
    await system.all_consumed()
    await system.outbox_empty()
    for contact_id, visitor in load.acknowledged.items():
        detail = (await system.user.get(f"/v1/contacts/{contact_id}")).body
        assert detail["contact"]["visitor_ids"] == [visitor]
        visits = [event["event_id"] for event in await system.tracked(contact_id)]
        wanted = {event_id(system.tenant_id, message_id) for message_id in load.sent[visitor]}
        # A visit without Kafka's answer may have arrived all the same: at least these, and none twice.
        assert wanted <= set(visits)
        assert len(visits) == len(set(visits))
        assert detail["unified_profile"]["page_views"] == len(visits)
        assert detail["unified_profile"]["sessions"] == (1 if visits else 0)
    await _judge_feed(system, load)
    assert not await system.dead_letters()


async def _judge_feed(system: System, load: Load) -> None:
    """Each contact's events are on the topic, in order, without a gap; a repeat is the same to the byte."""
    values: dict[str, bytes] = {}
    sequences: defaultdict[str, list[int]] = defaultdict(list)
    for record in await system.changes():
        event: dict[str, Any] = orjson.loads(record.value)
        assert values.setdefault(event["id"], record.value) == record.value
        assert record.key.decode() == event["subject"]
        if event["sequence"] not in sequences[event["subject"]]:
            sequences[event["subject"]].append(event["sequence"])
    for contact_id, numbers in sequences.items():
        assert numbers == list(range(1, len(numbers) + 1)), contact_id
    assert set(load.acknowledged) <= set(sequences)
