"""What is there afterwards, as clients, subscribers and operators see it. `judge` says what it means."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT, SOURCES
from service.contacts.view import contact_object
from service.feed.verify import FeedVerifier
from service.kafka.feed import KafkaFeedTopic
from service.ledger.model import Outcome
from service.profile.ports import RebuildScope
from tests.chaos.expected import Expected, ExpectedContact
from tests.chaos.sources import entry_of, record_id
from tests.support.relay import read_committed
from tests.support.running_system import System

T = TypeVar("T")

_AT_ONCE = 8
_PAGE = "100"
_FAULTS = ("missing", "late", "clashes", "waiting", "expired", "ahead")


@dataclass(slots=True)
class SeenContact:
    """One contact as the API shows it."""

    status: int
    contact: dict[str, Any] = field(default_factory=dict)
    profile: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Contents."""
    entries: list[str] = field(default_factory=list)
    """The timeline without our own changes; see `entry_of`."""
    changes: list[str] = field(default_factory=list)
    """Ids of our own changes in the timeline, which are those of the feed's events too."""


@dataclass(slots=True)
class SeenSource:
    """One source's topic, and the ledger's account of it."""

    records: Counter[str] = field(default_factory=Counter)
    """How often each record id is on the topic."""
    by_partition: Counter[int] = field(default_factory=Counter)
    received: Counter[int] = field(default_factory=Counter)
    """By the ledger, by partition."""
    outcomes: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)
    """Record ids on the DLQ."""


@dataclass(slots=True)
class FeedEvent:
    """One event of contacts.changes."""

    id: str
    type: str
    sequence: int
    value: bytes


@dataclass(slots=True)
class Seen:
    """All of it."""

    contacts: dict[str, SeenContact] = field(default_factory=dict)
    """By contact id, of everybody who was created."""
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Each contact object in the database, by id."""
    owners: set[str] = field(default_factory=set)
    """The contacts that identities belong to."""
    unfinished_links: int = 0
    feed: defaultdict[str, list[FeedEvent]] = field(default_factory=lambda: defaultdict(list))
    """By contact id, in the order read, repeats and all."""
    feed_faults: list[str] = field(default_factory=list)
    """What `pathbound feed verify` would tell."""
    snapshots: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """The latest on contacts.snapshot by contact id; None for a tombstone."""
    waiting: list[str] = field(default_factory=list)
    """Outbox records that are not published."""
    sources: dict[str, SeenSource] = field(default_factory=dict)
    wrong_profiles: int = 0
    """Contacts whose figures a rebuild would change."""


async def see(system: System, expected: Expected) -> Seen:
    """Read everything."""
    seen = Seen()
    people = expected.contacts
    found = await _all_at_once([_contact(system, one) for one in people])
    seen.contacts = {str(person.contact_id): one for person, one in zip(people, found, strict=True)}
    await _see_database(system, seen)
    await _see_feed(system, seen)
    seen.sources = {source: await _source(system, source) for source in SOURCES}
    return seen


async def _all_at_once(work: Iterable[Any]) -> list[Any]:
    few = asyncio.Semaphore(_AT_ONCE)

    async def one(awaitable: Any) -> Any:
        async with few:
            return await awaitable

    return await asyncio.gather(*(one(awaitable) for awaitable in work))


async def _contact(system: System, person: ExpectedContact) -> SeenContact:
    path = f"/v1/contacts/{person.contact_id}"
    detail = await system.user.get(path)
    seen = SeenContact(detail.status)
    if detail.status == 200:
        seen.contact, seen.profile = detail.body["contact"], detail.body["unified_profile"]
        seen.notes = [note["content"] for note in (await system.user.get(f"{path}/notes")).body["notes"]]
        events = await system.user.events(str(person.contact_id))
    else:
        query = {"contact_id": str(person.contact_id), "limit": _PAGE}
        events = (await system.user.get("/v1/events", params=query)).body["events"]
    seen.entries = [entry_of(event) for event in events if event["source"] != "crm"]
    seen.changes = [event["event_id"] for event in events if event["source"] == "crm"]
    return seen


async def _see_database(system: System, seen: Seen) -> None:
    database, tenant_id = system.core.store.database, system.tenant_id
    ids = [one["_id"] async for one in database["contacts"].find({}, {"_id": 1})]
    stored = await system.core.store.contacts.get_many(tenant_id, ids)
    seen.stored = {contact_id: contact_object(contact, None) for contact_id, contact in stored.items()}
    seen.owners = {one["contact_id"] async for one in database["identities"].find({})}
    seen.unfinished_links = await database["identities"].count_documents({"link_task": {"$exists": True}})
    seen.waiting = [str(one["_id"]) async for one in database["outbox"].find({"published_at": None}, {"_id": 1})]
    scope = RebuildScope(tenant_id, dry_run=True)
    rebuilt = await system.core.rebuild_profiles(scope, lambda _: None, asyncio.Event())
    assert rebuilt is not None
    seen.wrong_profiles = rebuilt.wrong + rebuilt.busy


async def _see_feed(system: System, seen: Seen) -> None:
    bootstrap = system.topics.kafka_bootstrap
    topic = KafkaFeedTopic(bootstrap, system.topic(CONTACTS_CHANGES))
    verifier = FeedVerifier(topic, system.core.store.feed_history)
    counted, reading = await verifier.read(None)
    async for verdict in verifier.judge(counted, reading):
        if not verdict.complete or verdict.waiting or verdict.expired:
            what = {name: value for name in _FAULTS if (value := getattr(verdict, name))}
            seen.feed_faults.append(f"feed verify: {verdict.contact_id}: {what}")
    seen.feed_faults += [f"feed verify: no event at {place}" for place in reading.unreadable]
    for record in await read_committed(bootstrap, system.topic(CONTACTS_CHANGES)):
        event = orjson.loads(record.value)
        seen.feed[record.key.decode()].append(FeedEvent(event["id"], event["type"], event["sequence"], record.value))
    for record in await read_committed(bootstrap, system.topic(CONTACTS_SNAPSHOT)):
        latest = orjson.loads(record.value)["data"]["contact"] if record.value else None
        seen.snapshots[record.key.decode()] = latest


async def _source(system: System, source: str) -> SeenSource:
    seen = SeenSource()
    names: dict[tuple[int, int], str] = {}
    for record in await read_committed(system.topics.kafka_bootstrap, system.topic(SOURCES[source])):
        name = names[record.partition, record.offset] = record_id(source, record.value)
        seen.records[name] += 1
        seen.by_partition[record.partition] += 1
    for row in await system.core.store.ledger.rows(topic=system.topic(SOURCES[source])):
        seen.received[row.key.partition] += row.received
        seen.outcomes.update({str(outcome): row.counts.get(outcome, 0) for outcome in Outcome})
    for letter in await system.dead_letters(source):
        headers = dict(letter.headers)
        place = int(headers["dlq-original-partition"]), int(headers["dlq-original-offset"])
        seen.dead.add(names.get(place, f"of no record: {place}"))
    return seen
