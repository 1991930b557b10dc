"""Real visits through Kafka and real processes: each timeline is what the input says, to the event."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from tests.support.running_system import System
from tests.support.tracker_fixtures import Message, all_messages, expected_event

AT_ONCE = 8
CHUNK = 60


@dataclass
class Plan:
    """Which visitors become contacts, and when; each entry is one contact's visitor ids."""

    before: list[list[str]] = field(default_factory=list)
    during: list[list[str]] = field(default_factory=list)
    after: list[list[str]] = field(default_factory=list)
    never: list[str] = field(default_factory=list)

    def contacts(self) -> list[list[str]]:
        return self.before + self.during + self.after


def plan_for(messages: list[Message]) -> Plan:
    """A quarter of the visitors each; every seventh contact is seen under two visitor ids."""
    visitors = list(dict.fromkeys(message["visitorId"] for message in messages if "visitorId" in message))
    plan = Plan()
    groups = (plan.before, plan.during, plan.after)
    for number, visitor in enumerate(visitors):
        if number % 4 == 3:
            plan.never.append(visitor)
        elif number % 7 == 6 and groups[number % 4]:
            groups[number % 4][-1].append(visitor)
        else:
            groups[number % 4].append([visitor])
    return plan


class Contacts:
    """Creates contacts, at most AT_ONCE at a time, and remembers whose visitors they are."""

    def __init__(self, system: System) -> None:
        self._user = system.user
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.by_visitor: dict[str, str] = {}
        self.visitors: dict[str, list[str]] = {}

    async def create(self, visitors: list[str]) -> None:
        async with self._slots:
            contact = await self._user.create_contact(visitor_id=visitors)
        self.visitors[contact["contact_id"]] = visitors
        self.by_visitor |= dict.fromkeys(visitors, contact["contact_id"])

    async def create_all(self, contacts: list[list[str]]) -> None:
        await asyncio.gather(*(self.create(visitors) for visitors in contacts))


async def feed(system: System, messages: list[Message], during: list[list[str]], contacts: Contacts) -> None:
    """Send all, in order; in between, make contacts of visitors that are being sent and consumed just then."""
    left = {visitors[0]: visitors for visitors in during}
    creations = []
    async with system.producer() as producer:
        for start in range(0, len(messages), CHUNK):
            chunk = messages[start : start + CHUNK]
            sent = [await system.enqueue(producer, message) for message in chunk]
            present = [left.pop(name) for name in {message.get("visitorId", "") for message in chunk} if name in left]
            creations += [asyncio.create_task(contacts.create(visitors)) for visitors in present]
            await asyncio.gather(*sent)
    assert not left
    await asyncio.gather(*creations)


def expected_timelines(messages: list[Message], contacts: Contacts, tenant: str) -> dict[str, list[dict[str, Any]]]:
    timelines: dict[str, list[dict[str, Any]]] = {contact_id: [] for contact_id in contacts.visitors}
    for message in messages:
        contact_id = contacts.by_visitor.get(message.get("visitorId", ""))
        if contact_id is not None:
            timelines[contact_id].append(expected_event(message, tenant))
    return timelines


def check_timeline(actual: list[dict[str, Any]], expected: list[dict[str, Any]], contact_id: str) -> None:
    """The same events, each once and equal in all that the input says, ordered by time and id."""
    assert sorted(event["event_id"] for event in actual) == sorted(event["event_id"] for event in expected)
    assert [(e["timestamp"], e["event_id"]) for e in actual] == sorted((e["timestamp"], e["event_id"]) for e in actual)
    by_id = {event["event_id"]: event for event in actual}
    for wanted in expected:
        event = by_id[wanted["event_id"]]
        wanted = wanted | {"timestamp": wanted["timestamp"] or event["received_at"]}
        assert {name: event[name] for name in wanted} == wanted
        assert (event["contact_id"], event["source"], event["_id"]) == (contact_id, "tracker", event["event_id"])


def check_profile(profile: dict[str, Any], timeline: list[dict[str, Any]]) -> None:
    """The figures are a recount of the events (whose timeline equals the input)."""
    pages = [event for event in timeline if event["event"] == "page_view"]
    assert profile["page_views"] == len(pages)
    assert profile["sessions"] == len({event["session_id"] for event in timeline} - {None})
    assert profile["first_seen_at"] == (timeline[0]["timestamp"] if timeline else None)
    assert profile["last_seen_at"] == (timeline[-1]["timestamp"] if timeline else None)
    assert profile["sources"] == (["tracker"] if timeline else [])
    if pages:
        last = pages[-1]
        page = {"url": last["url"], "title": last["data"].get("title")}
        assert profile["last_page"] == {"at": last["timestamp"], "value": page}
    else:
        assert profile["last_page"] is None


async def snapshot(system: System, contact_ids: list[str]) -> dict[str, Any]:
    """All that clients and the database can say of the contacts."""
    seen: dict[str, Any] = defaultdict(dict)
    for contact_id in contact_ids:
        seen[contact_id]["events"] = await system.user.events(contact_id, sort_dir="asc")
        seen[contact_id]["detail"] = (await system.user.get(f"/v1/contacts/{contact_id}")).body
    seen["events"] = await system.core.store.database["events"].count_documents({})
    seen["outbox"] = await system.core.store.database["outbox"].count_documents({})
    return dict(seen)


async def other_tenant_is_apart(system: System, theirs: list[Message]) -> None:
    """The same visitors and message ids under another tenant are others' events."""
    events = system.core.store.database["events"]
    query = {"tenant_id": "other-tenant", "contact_id": {"$exists": False}}
    assert await events.count_documents(query) == len(theirs)


async def test_timelines_are_what_the_input_says(system: System) -> None:
    messages = all_messages()
    theirs = [{**message, "tenant_id": "other-tenant"} for message in messages[:100]]
    plan, contacts = plan_for(messages), Contacts(system)
    await contacts.create_all(plan.before)
    await feed(system, [*theirs, *messages], plan.during, contacts)
    await system.all_consumed()
    await contacts.create_all(plan.after)

    expected = expected_timelines(messages, contacts, system.tenant_id)
    assert sum(map(len, expected.values())) > len(messages) / 2  # the plan leaves something to compare
    contact_ids = list(contacts.visitors)
    first = await snapshot(system, contact_ids)
    for contact_id in contact_ids:
        timeline = [event for event in first[contact_id]["events"] if event["source"] == "tracker"]
        check_timeline(timeline, expected[contact_id], contact_id)
        check_profile(first[contact_id]["detail"]["unified_profile"], timeline)

    stored = system.core.store.database["events"]
    ours = {"tenant_id": system.tenant_id, "source": "tracker"}
    assert await stored.count_documents(ours) == len(messages)
    assert await stored.count_documents(ours | {"contact_id": {"$exists": True}}) == sum(map(len, expected.values()))
    assert await stored.count_documents(ours | {"visitor_id": {"$in": plan.never}, "contact_id": {"$exists": 1}}) == 0
    await other_tenant_is_apart(system, theirs)

    await system.send([*messages, *theirs])
    await system.all_consumed()
    assert await snapshot(system, contact_ids) == first
    assert not await system.dead_letters()
