"""contacts.timeline on the real servers: what enters a contact's timeline is told at least once, and marked if late."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from deploy.bootstrap import build_core
from schemas.changes import CONTENT_TYPE
from schemas.contacts import CreateContact
from schemas.events import Source
from schemas.published import dataschemas
from schemas.timeline import TIMELINE_TYPE
from schemas.topics import CONTACTS_TIMELINE, MAX_RECORD_BYTES
from service.contacts.context import Caller
from service.conversations.incoming import Delivery, PersonFact, PersonKey
from service.errors import StoreUnavailableError, StreamUnavailableError
from service.kafka.cloudevents import read_event
from service.kafka.publishers import publisher_factory, timeline_publisher_factory
from service.mongo.store import MongoStore
from service.outbox.model import SHARDS, OutboxRecord, shard_of
from service.outbox.ports import Queue
from service.outbox.relay import Relay, Timeline
from service.settings import RelaySettings
from service.timeline.entries import timeline_entry
from service.timeline.model import TimelineEvent
from service.timeline.view import event_object
from tests.support.conversation_facts import PEOPLE, TENANT, deliveries, delivery, mail, part
from tests.support.events import MORNING, page_view, visitor
from tests.support.feed import Feed
from tests.support.openapi import strict_schema
from tests.support.relay import contact_in, read_committed, running
from tests.support.waiting import eventually

ADA = PEOPLE[0]
CALLER = Caller(TENANT, "key_1", None)
V = visitor(TENANT, "v")


async def create(store: MongoStore, email: str, *visitors: str) -> str:
    wanted = CreateContact.model_validate({"email": email, "visitor_id": list(visitors)})
    return (await build_core(store).use_cases.create_contact(CALLER, wanted)).contact_id


def adas_mail(version: int = 1) -> Delivery:
    return mail("m1@ours.example", 0, None, [ADA], version, None, sent=False, completeness=2)


def adas_chat() -> list[Delivery]:
    known = PersonFact(PersonKey(TENANT, Source.INTERCOM, "i1"), frozenset({ADA}))
    said = part("c1", 1, 1, {"i1"}, redacted=False, internal=False, state="open")
    return [said, delivery(persons=(known,))]


async def arrive(store: MongoStore, *events: TimelineEvent, mails: Sequence[Delivery] = ()) -> None:
    core = build_core(store)
    await core.ingest(events)
    if mails:
        await core.ingest_conversations(mails, [])


async def told(feed: Feed) -> list[dict[str, Any]]:
    """What a subscriber of the topic gets, in order."""
    records = await read_committed(feed.bootstrap, f"{feed.prefix}{CONTACTS_TIMELINE}")
    events = [read_event(record.headers, record.value) for record in records]
    assert [record.key.decode() for record in records] == [event["subject"] for event in events]
    return events


async def resolved(store: MongoStore) -> dict[str, Any]:
    """Every event that has a contact, as the API shows it, under the id that it must have on the topic."""
    ids = [one["_id"] async for one in store.database["events"].find({"contact_id": {"$exists": True}}, {"_id": 1})]
    events = await store.events.get(TENANT, ids)
    return {f"{event.event_id}.{event.contact_id}": event_object(event) for event in events}


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_each_event_of_a_contact_is_told_and_what_is_nobodys_is_not(feed: Feed, mode: Any) -> None:
    ada = await create(feed.store, ADA, "v")
    stranger = page_view(TENANT, visitor(TENANT, "stranger"))
    await arrive(feed.store, page_view(TENANT, V), stranger, mails=[adas_mail(), *adas_chat()])

    await feed.relay(mode)

    events = await told(feed)
    assert {event["id"]: event["data"]["event"] for event in events} == await resolved(feed.store)
    assert len(events) == len({event["id"] for event in events})
    assert {event["data"]["event"]["source"] for event in events} == {"crm", "tracker", "gmail", "intercom"}
    assert not any(event["data"]["linked_later"] for event in events)
    schema = strict_schema(dataschemas()[f"{TIMELINE_TYPE}.v1.json"])
    for event in events:
        assert (event["subject"], event["tenantid"], event["type"]) == (ada, TENANT, TIMELINE_TYPE)
        assert "sequence" not in event
        assert event["dataschema"] == schema["$id"]
        Draft202012Validator(schema).validate(event["data"])


async def test_what_is_linked_later_is_told_then_and_says_so(feed: Feed) -> None:
    visits = [page_view(TENANT, V, minute=minute) for minute in (3, 1, 2)]
    talk = [adas_mail(), *adas_chat()]
    await arrive(feed.store, *visits, mails=talk)
    await feed.relay()
    assert await told(feed) == []

    await create(feed.store, ADA, "v")
    await feed.relay()

    events = await told(feed)
    assert {event["id"]: event["data"]["event"] for event in events} == await resolved(feed.store)
    late = {event["data"]["event"]["source"] for event in events if event["data"]["linked_later"]}
    assert late == {"tracker", "gmail", "intercom"}
    assert [event["data"]["linked_later"] for event in events if event["data"]["event"]["source"] == "crm"] == [False]
    pages = [event["data"]["event"]["url"] for event in events if event["data"]["event"]["source"] == "tracker"]
    assert pages == [f"https://www.example.com/{minute}" for minute in (1, 2, 3)]

    await arrive(feed.store, *visits, mails=talk)
    await feed.relay()
    assert await told(feed) == events, "a redelivery tells nothing"


async def test_a_message_that_is_written_again_is_told_once(feed: Feed) -> None:
    await create(feed.store, ADA)
    await arrive(feed.store, mails=[adas_mail()])
    await arrive(feed.store, mails=[adas_mail(version=2)])
    await feed.relay()
    assert [event["data"]["event"]["event"] for event in await told(feed)] == ["contact_created", "email_received"]
    await arrive(feed.store, mails=[adas_mail(version=3)])
    assert await feed.told()


class DiesBeforeUnmarking:
    """A queue whose relay dies after Kafka has the batch."""

    def __init__(self, inner: Queue) -> None:
        self.unpublished = inner.unpublished
        self.backlog = inner.backlog
        self.reached = asyncio.Event()

    async def mark_published(self, record_ids: Sequence[str]) -> None:
        self.reached.set()
        await asyncio.Event().wait()


@asynccontextmanager
async def relaying(feed: Feed, queue: Queue, prefix: str | None = None) -> AsyncIterator[Relay]:
    """As in production; `prefix` of the timeline's topic alone."""
    given = RelaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=feed.prefix)
    elsewhere = RelaySettings(kafka_bootstrap=feed.bootstrap, topic_prefix=prefix or feed.prefix)
    timeline = Timeline(queue, timeline_publisher_factory(elsewhere))
    async with running(feed.store.outbox, feed.store.leases, publisher_factory(given), timeline=timeline) as relay:
        yield relay


async def test_a_relay_killed_between_kafka_and_the_mark_tells_again_under_the_same_ids(feed: Feed) -> None:
    await create(feed.store, ADA, "v")
    await arrive(feed.store, *(page_view(TENANT, V, minute=minute) for minute in range(5)))
    dying = DiesBeforeUnmarking(feed.store.untold)
    async with relaying(feed, dying):
        await asyncio.wait_for(dying.reached.wait(), 20)
    before = await told(feed)
    await feed.relay()

    again = await told(feed)
    assert again[: len(before)] == again[len(before) :] == before
    assert {event["id"] for event in before} == set(await resolved(feed.store))


async def test_without_its_topic_changes_go_on_and_the_relay_says_what_to_do(feed: Feed) -> None:
    await create(feed.store, ADA)
    sentence = "There is no topic nothing.contacts.timeline: make it with `pathbound init`."
    async with relaying(feed, feed.store.untold, "nothing.") as relay:

        async def says_so() -> bool:
            try:
                await relay.check()
            except (StreamUnavailableError, StoreUnavailableError) as error:
                return str(error) == sentence
            return False

        await eventually(says_so, 30, "it says what is missing")
        await eventually(feed.drained, 30, "changes are published all the same")
    assert not await feed.told()
    await feed.relay()
    assert len(await told(feed)) == 1


async def test_the_relays_query_is_a_scan_of_its_index_without_a_sort(store: MongoStore) -> None:
    contact = contact_in(0)
    await store.events.insert([page_view(TENANT, V, minute=minute, contact_id=contact) for minute in range(40)])
    await store.untold.mark_published([record.record_id for record in await store.untold.unpublished(0, 10)])
    order = {"feed_at": 1, "timestamp": 1}
    find = {"find": "events", "filter": {"feed_shard": 0}, "sort": order, "limit": 10, "hint": "untold"}
    plan = await store.database.command("explain", find, verbosity="executionStats")
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalKeysExamined"] == 10
    assert [count for count, _ in (await store.untold.backlog()).values()] == [30]


async def test_a_batch_is_bounded_in_bytes_and_what_fits_no_record_is_shortened(store: MongoStore) -> None:
    contact = contact_in(0)
    # A quotation mark takes two bytes in JSON.
    whole = [page_view(TENANT, contact_id=contact, data={"text": "x" * (MAX_RECORD_BYTES // 3)}) for _ in range(5)]
    quotes = page_view(TENANT, contact_id=contact, data={"text": '"' * (MAX_RECORD_BYTES // 2)})
    for event in (quotes, *whole):
        await store.events.insert([event])
    first, *rest = await store.untold.unpublished(0, 500)
    short = orjson.loads(first.value)["data"]
    assert (short["shortened"], short["event"]["data"], short["event"]["event_id"]) == (True, {}, quotes.event_id)
    assert [record.record_id for record in rest] == [event.event_id for event in whole[:3]]
    assert first.headers == (("content-type", CONTENT_TYPE),)


def test_what_fits_no_record_for_the_length_of_its_ids_is_shortened_too() -> None:
    long = "x" * (MAX_RECORD_BYTES - 1_000)
    for event in (replace(page_view(TENANT), session_id=long), replace(page_view(TENANT), visitor_id=long)):
        short = timeline_entry(event, "ct_1", MORNING, linked_later=False).value
        assert len(short) < MAX_RECORD_BYTES // 2
        assert orjson.loads(short)["data"]["event"]["event_id"] == event.event_id


class Subscriber:
    """Takes what relays publish, some of which die before they take the mark off."""

    def __init__(self, store: MongoStore, dice: random.Random) -> None:
        self.store = store
        self.dice = dice
        self.late: dict[str, set[bool]] = {}

    async def take(self, *, dying: bool = True) -> None:
        for shard in range(SHARDS):
            records = await self.store.untold.unpublished(shard, 3)
            while records:
                self._see(records)
                if dying and self.dice.random() < 0.3:
                    break
                await self.store.untold.mark_published([record.record_id for record in records])
                records = await self.store.untold.unpublished(shard, 3)

    def _see(self, records: Sequence[OutboxRecord]) -> None:
        for record in records:
            event = orjson.loads(record.value)
            assert shard_of(event["subject"]) == record.shard
            self.late.setdefault(event["id"], set()).add(event["data"]["linked_later"])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(arriving=st.lists(deliveries, max_size=5), seed=st.integers(0, 2**32 - 1))
async def test_whatever_happens_when_every_event_of_a_contact_is_told(
    store: MongoStore, arriving: list[Delivery], seed: int
) -> None:
    dice = random.Random(seed)  # not hypothesis's own: what is drawn depends on how the steps run beside each other
    names = ("messages", "source_threads", "source_persons", "conversation_rows", "conversation_threads", "events")
    for name in (*names, "thread_parts", "contacts", "identities", "profiles", "outbox", "ledger"):
        await store.database[name].delete_many({})
    subscriber, parked = Subscriber(store, dice), page_view(TENANT, V)
    await arrive(store, parked)
    arriving = [adas_mail(), adas_mail(version=2), adas_mail(version=3), *arriving]
    steps: list[Any] = [build_core(store).ingest_conversations([one], []) for one in arriving]
    steps += [build_core(store).ingest([page_view(TENANT, V, minute=minute)]) for minute in range(3)]
    steps += [create(store, ADA, "v"), create(store, PEOPLE[1]), subscriber.take(), subscriber.take()]
    dice.shuffle(steps)
    cut = dice.randrange(len(steps))
    for step in steps[:cut]:
        await step
    await asyncio.gather(*steps[cut:])
    await subscriber.take(dying=False)

    assert set(await resolved(store)) <= set(subscriber.late)
    assert await store.untold.backlog() == {}
    [contact] = {event["contact_id"] for event in (await resolved(store)).values() if event["event"] == "page_view"}
    assert subscriber.late[f"{parked.event_id}.{contact}"] == {True}
