"""A mixed load whose every acknowledgement is remembered, and the judgement of what became of it."""

import asyncio
import itertools
import threading
import uuid
from collections import Counter, defaultdict
from typing import Any

import aiohttp
import orjson
from aiokafka.errors import KafkaError

from schemas.topics import CONTACTS_TIMELINE
from service.ledger.model import Outcome
from tests.support.api import ApiUser, Reply
from tests.support.running_system import System
from tests.support.tracker_fixtures import event_id

CLIENTS = 6
_PAUSE_S = 0.05


class Load:
    """Clients that create and change contacts, and trackers that send visits, until told to stop; they bear with any
    outage, and ask again until they are answered."""

    def __init__(self, system: System, *users: ApiUser, clients: int = CLIENTS, rest_s: float = 0) -> None:
        """Requests go in turn to the system's user and to the others, who have other APIs. Each client rests between
        two contacts."""
        self._system = system
        self._clients = clients
        self._rest_s = rest_s
        self._users = itertools.cycle([system.user, *users])
        self._stop = asyncio.Event()
        self.acknowledged: dict[str, str] = {}
        """Visitor id by contact id, of each contact that a client was told of."""
        self.notes: Counter[str] = Counter()
        """Acknowledged notes, by contact id."""
        self.attempted: defaultdict[str, set[str]] = defaultdict(set)
        self.sent: defaultdict[str, set[str]] = defaultdict(set)
        """Message ids by visitor id: tried to send, and of those, acknowledged by Kafka."""

    async def run(self) -> None:
        """Until `stop`; every change ends with an answer."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._clients):
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
            await asyncio.gather(self._visit(visitor), self._contact(visitor))
            await asyncio.sleep(self._rest_s)

    async def _visit(self, visitor: str) -> None:
        message_id = uuid.uuid4().hex
        self.attempted[visitor].add(message_id)
        message = {"event": "page_view", "visitorId": visitor, "message_id": message_id, "sessionId": f"s-{visitor}"}
        try:
            await self._system.send([message])
        except (KafkaError, OSError, TimeoutError):
            await self._pause()
        else:
            self.sent[visitor].add(message_id)

    async def _contact(self, visitor: str) -> None:
        """A contact, a change and a note. What was asked for again may have happened the first time already."""
        body = {"email": f"{visitor}@example.com", "visitor_id": visitor}
        made = await self._until_answered("POST", "/v1/contacts", body)
        contact_id = made.body["contact"]["contact_id"] if made.status == 201 else made.body["contact_id"]
        self.acknowledged[contact_id] = visitor
        changed = await self._until_answered("PUT", f"/v1/contacts/{contact_id}", {"properties": {"city": "Oslo"}})
        assert changed.status == 200, changed
        path, headers = f"/v1/contacts/{contact_id}/notes", {"Idempotency-Key": uuid.uuid4().hex}
        noted = await self._until_answered("POST", path, {"content": "hello"}, headers)
        assert noted.status == 201, noted
        self.notes[contact_id] += 1

    async def _until_answered(
        self, method: str, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Reply:
        while True:
            try:
                reply = await next(self._users).request(method, path, json=body, headers=headers or {})
            except (aiohttp.ClientError, OSError, TimeoutError):
                await self._pause()
                continue
            if reply.status != 503:
                return reply
            await self._pause()

    async def _pause(self) -> None:
        """Not in a hurry; even when told to stop, since an answer is still owed."""
        await asyncio.to_thread(threading.Event().wait, _PAUSE_S)


async def judge(system: System, load: Load) -> None:
    """Nothing acknowledged is lost, nothing is counted twice, nothing is there that nobody asked for."""
    await system.all_consumed()
    await system.outbox_empty()
    contacts = system.core.store.database["contacts"]
    stored = await contacts.find({"tenant_id": system.tenant_id}, {"sequence": 1}).to_list(None)
    assert {contact["_id"] for contact in stored} == set(load.acknowledged)
    for contact_id, visitor in load.acknowledged.items():
        detail = (await system.user.get(f"/v1/contacts/{contact_id}")).body
        assert (detail["contact"]["visitor_ids"], detail["contact"]["version"]) == ([visitor], 2)
        visits = [event["event_id"] for event in await system.tracked(contact_id)]
        acknowledged, attempted = (
            {event_id(system.tenant_id, message_id) for message_id in some[visitor]}
            for some in (load.sent, load.attempted)
        )
        # A visit without Kafka's answer may have arrived all the same.
        assert acknowledged <= set(visits) <= attempted
        assert len(visits) == len(set(visits))
        assert detail["unified_profile"]["page_views"] == len(visits)
        assert detail["unified_profile"]["sessions"] == (1 if visits else 0)
        notes = (await system.user.get(f"/v1/contacts/{contact_id}/notes")).body["notes"]
        assert len(notes) == load.notes[contact_id] == 1
    await _judge_feed(system, {contact["_id"]: contact["sequence"] for contact in stored})
    await _judge_timeline(system)
    assert not await system.dead_letters()
    await judge_ledger(system)


async def judge_ledger(system: System) -> None:
    """Every record of each partition is counted, once, and what is counted as new is what is stored."""
    rows = await system.core.store.ledger.rows()
    received: Counter[int] = Counter()
    for row in rows:
        received[row.key.partition] += row.received
    assert received == Counter(await system.ends())
    new = sum(row.counts[Outcome.STORED] + row.counts[Outcome.PARKED] for row in rows)
    assert new == await system.core.store.database["events"].count_documents({"source": "tracker"})


async def _judge_feed(system: System, sequences: dict[str, int]) -> None:
    """Each contact's events are on the topic, in order, all of them; a repeat is the same to the byte."""
    values: dict[str, bytes] = {}
    seen: defaultdict[str, list[int]] = defaultdict(list)
    for record in await system.changes():
        event: dict[str, Any] = orjson.loads(record.value)
        assert record.key.decode() == event["subject"]
        if event["id"] not in values:
            seen[event["subject"]].append(event["sequence"])
        assert values.setdefault(event["id"], record.value) == record.value
    assert dict(seen) == {contact_id: list(range(1, last + 1)) for contact_id, last in sequences.items()}


async def _judge_timeline(system: System) -> None:
    """Every event that has a contact is on the topic, and nothing else; a repeat is the same to the byte."""
    await system.timeline_told()
    values: dict[str, bytes] = {}
    for record in await system.published(CONTACTS_TIMELINE):
        event: dict[str, Any] = orjson.loads(record.value)
        assert values.setdefault(event["id"], record.value) == record.value
    events = system.core.store.database["events"].find({"contact_id": {"$exists": True}}, {"contact_id": 1})
    assert set(values) == {f"{one['_id']}.{one['contact_id']}" async for one in events}
