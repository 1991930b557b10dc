"""Events from sources, on a real MongoDB: stored once, in the right timeline, counted exactly."""

import asyncio
import contextlib
import random
from dataclasses import replace
from typing import Any

import pytest
from bson import encode

from deploy.bootstrap import Core, build_core
from schemas.contacts import CreateContact
from schemas.identify import Identify
from service.contacts.context import Caller
from service.errors import ContendedError, RefusedDocumentError, StoreError, StoreUnavailableError
from service.identity import linking
from service.identity.model import Association, Identity
from service.mongo.events import MongoEvents
from service.mongo.store import MongoStore
from service.profile.model import MAX_DEVICES, totals_of
from service.timeline.model import TimelineEvent
from service.timeline.query import TimelineQuery
from tests.support.events import MORNING, external, page_view, visitor

TENANT = "t"
CALLER = Caller(TENANT, "key_1", "req_1")


async def create(store: MongoStore, email: str, *visitor_ids: str) -> str:
    """A contact with visitor ids."""
    wanted = CreateContact.model_validate({"email": email, "visitor_id": list(visitor_ids)})
    contact = await build_core(store).use_cases.create_contact(CALLER, wanted)
    return contact.contact_id


async def tracker_events(store: MongoStore, contact_id: str) -> list[TimelineEvent]:
    """What the contact's timeline holds from the tracker, oldest first."""
    query = TimelineQuery(TENANT, contact_id, newest_first=False)
    events = [event async for portion in store.events.timeline(query) for event in portion]
    return [event for event in events if event.source == "tracker"]


async def assert_exact(store: MongoStore, contact_id: str) -> None:
    """The profile equals a rebuild from the stored events."""
    total = totals_of(await tracker_events(store, contact_id))
    profile = await store.profiles.get(TENANT, contact_id)
    assert profile is not None
    assert (profile.page_views, profile.sessions) == (total.page_views, len(total.session_ids))
    assert (profile.first_seen_at, profile.last_seen_at) == (total.first_seen_at, total.last_seen_at)
    assert (profile.last_page, profile.first_referrer) == (total.last_page, total.first_referrer)
    assert (profile.device_count, profile.devices) == (len(total.devices), tuple(sorted(total.devices)[:MAX_DEVICES]))


async def test_events_before_and_after_the_contact_are_in_its_timeline(store: MongoStore) -> None:
    ingest = build_core(store).ingest
    before = [page_view(TENANT, visitor(TENANT, "v"), minute=n, session_id=f"s{n % 3}") for n in range(1200)]
    for start in range(0, 1200, 400):
        result = await ingest(before[start : start + 400])
        assert (result.stored, result.parked, result.linked) == (0, 400, 0)

    contact_id = await create(store, "ada@example.com", "v")
    after = [page_view(TENANT, visitor(TENANT, "v"), minute=2000 + n) for n in range(5)]
    result = await ingest(after)

    assert (result.stored, result.duplicates, result.linked) == (5, 0, 5)
    assert [event.event_id for event in await tracker_events(store, contact_id)] == [
        event.event_id for event in before + after
    ]
    await assert_exact(store, contact_id)


async def test_more_history_than_one_request_links_is_worked_off(store: MongoStore) -> None:
    core = build_core(store)
    events = [page_view(TENANT, visitor(TENANT, "v"), minute=n) for n in range(2600)]
    for start in range(0, 2600, 650):
        await core.ingest(events[start : start + 650])

    wanted = CreateContact.model_validate({"email": "ada@example.com", "visitor_id": "v"})
    contact = await core.use_cases.create_contact(CALLER, wanted)
    assert len(await tracker_events(store, contact.contact_id)) == 2000
    assert await core.linker.work_off() == 600

    assert len(await tracker_events(store, contact.contact_id)) == 2600
    assert await store.identities.unfinished("Z" * 26, 10) == []
    await assert_exact(store, contact.contact_id)


async def test_one_request_links_no_more_for_naming_many_visitors(store: MongoStore) -> None:
    core = build_core(store)
    for number in range(5):
        await core.ingest([page_view(TENANT, visitor(TENANT, f"v{number}"), minute=n) for n in range(520)])

    wanted = CreateContact.model_validate({"email": "ada@example.com", "visitor_id": [f"v{n}" for n in range(5)]})
    contact = await core.use_cases.create_contact(CALLER, wanted)
    assert 2000 <= len(await tracker_events(store, contact.contact_id)) < 2500
    await core.linker.work_off()

    assert len(await tracker_events(store, contact.contact_id)) == 2600
    assert await store.identities.unfinished("Z" * 26, 10) == []
    await assert_exact(store, contact.contact_id)


async def test_a_redelivery_changes_nothing(store: MongoStore) -> None:
    ingest = build_core(store).ingest
    contact_id = await create(store, "ada@example.com", "v")
    events = [page_view(TENANT, visitor(TENANT, "v"), minute=n, session_id="s") for n in range(10)]
    events += [page_view(TENANT, visitor(TENANT, "stranger"), minute=n) for n in range(5)]

    first = await ingest([*events, *events[:3]])
    again = await ingest(events)

    assert (first.stored, first.parked, first.duplicates, first.linked) == (10, 5, 3, 10)
    assert (again.stored, again.parked, again.duplicates, again.linked) == (0, 0, 15, 0)
    assert len(await tracker_events(store, contact_id)) == 10
    await assert_exact(store, contact_id)


async def test_tenants_do_not_share_visitors(store: MongoStore) -> None:
    contact_id = await create(store, "ada@example.com", "v")
    await build_core(store).ingest(
        [page_view(TENANT, visitor(TENANT, "v"), minute=1), page_view("other", visitor("other", "v"), minute=2)]
    )
    assert len(await tracker_events(store, contact_id)) == 1


async def test_an_event_without_room_to_be_linked_keeps_nothing_else_waiting(store: MongoStore) -> None:
    core = build_core(store)
    thin = page_view(TENANT, visitor(TENANT, "v"), event_id="evt_thin")
    await core.ingest([thin])
    stored = await store.database["events"].find_one({"_id": "evt_thin"})
    room = 16 * 1024 * 1024 - len(encode(stored or {}))

    def fat(less: int) -> TimelineEvent:
        # An element of a document: a byte for its type, one for the end of its name, five of a string's own.
        data = {**thin.data, "x": "x" * (room - less - 8)}
        return replace(thin, event_id=f"evt_{less:04}", data=data)

    for less in (0, 2048):
        await core.ingest([fat(less)])

    contact_id = await create(store, "ada@example.com", "v")
    assert {event.event_id for event in await tracker_events(store, contact_id)} == {"evt_thin", "evt_2048"}


async def test_an_external_id_wins_and_associates_the_free_visitor(store: MongoStore) -> None:
    core = build_core(store)
    ada, bob = await create(store, "ada@example.com"), await create(store, "bob@example.com", "bobs")
    await store.identities.associate([Association(external(TENANT, "crm-7"), ada, "task")], MORNING)
    early = page_view(TENANT, visitor(TENANT, "free"), minute=1)
    await core.ingest([early])

    both = [
        page_view(TENANT, external(TENANT, "crm-7"), visitor(TENANT, "free"), minute=2),
        page_view(TENANT, external(TENANT, "crm-7"), visitor(TENANT, "bobs"), minute=3),
    ]
    await core.ingest(both)

    assert [event.event_id for event in await tracker_events(store, ada)] == [one.event_id for one in [early, *both]]
    assert await tracker_events(store, bob) == []
    contact = await store.contacts.get(TENANT, ada)
    assert contact is not None
    assert (contact.visitor_ids, contact.version, contact.sequence) == (("free",), 2, 2)
    assert await store.identities.owners([visitor(TENANT, "bobs")]) == {visitor(TENANT, "bobs"): bob}
    assert [record.sequence for record in await _published(store, ada)] == [1, 2]
    contexts = {event.event_id: event.context for event in await tracker_events(store, ada)}
    assert contexts == {early.event_id: {}, both[0].event_id: {}, both[1].event_id: {"visitor_conflict": True}}


async def test_an_external_id_identified_late_brings_its_visitors_along(store: MongoStore) -> None:
    core = build_core(store)
    bob = await create(store, "bob@example.com", "bobs")
    await core.ingest(
        [
            page_view(TENANT, external(TENANT, "crm-7"), visitor(TENANT, f"free-{n % 3}"), event_id=f"evt_{n:04}")
            for n in range(1200)
        ]
    )
    alone = [page_view(TENANT, visitor(TENANT, f"free-{n}"), event_id=f"evt_alone_{n}") for n in range(3)]
    await core.ingest(alone)

    traits = {"email": "ada@example.com"}
    found = await core.use_cases.identify(CALLER, Identify.model_validate({"external_id": "crm-7", "traits": traits}))

    assert found.contact is not None
    ada = await store.contacts.get(TENANT, found.contact.contact_id)
    assert ada is not None
    assert set(ada.visitor_ids) == {"free-0", "free-1", "free-2"}
    assert len(await tracker_events(store, ada.contact_id)) == 1203
    assert [record.sequence for record in await _published(store, ada.contact_id)] == list(range(1, ada.sequence + 1))
    assert await tracker_events(store, bob) == []
    await assert_exact(store, ada.contact_id)


async def _published(store: MongoStore, contact_id: str) -> list[Any]:
    records = [one for shard in range(8) for one in await store.outbox.unpublished(shard, 100)]
    return sorted((one for one in records if one.contact_id == contact_id), key=lambda record: record.sequence)


async def test_arrival_races_with_association_without_a_gap(store: MongoStore) -> None:
    """Many visitors at once: their events arrive in several consumers, twice, while their contacts are being made."""
    dice = random.Random(20261123)
    cores = [build_core(store) for _ in range(3)]
    events = {
        f"v{n}": [page_view(TENANT, visitor(TENANT, f"v{n}"), minute=m, session_id=f"s{m % 2}") for m in range(12)]
        for n in range(24)
    }
    batches = []
    for _ in range(2):
        everything = [event for mine in events.values() for event in mine]
        dice.shuffle(everything)
        batches += [everything[start : start + 16] for start in range(0, len(everything), 16)]

    async def ingested(core: Core, batch: list[TimelineEvent]) -> None:
        # As the consumer does, for ever: on a busy machine one batch may lose every race within its deadline.
        while True:
            with contextlib.suppress(ContendedError):
                await core.ingest(batch)
                return

    works: list[Any] = [ingested(cores[n % 3], batch) for n, batch in enumerate(batches)]
    creations = [create(store, f"{name}@example.com", name) for name in events]
    mixed = works + creations
    dice.shuffle(mixed)
    gate = asyncio.Semaphore(12)

    async def gated(work: Any) -> Any:
        async with gate:
            return await work

    await asyncio.gather(*(gated(work) for work in mixed))

    owners = await store.identities.owners([visitor(TENANT, name) for name in events])
    for name, mine in events.items():
        contact_id = owners[visitor(TENANT, name)]
        stored = await tracker_events(store, contact_id)
        assert [replace(one, contact_id=None) for one in stored] == mine
        await assert_exact(store, contact_id)


@pytest.mark.parametrize("token", ["0" * 26, "7" + "Z" * 25], ids=["of long ago", "of a clock that is ahead"])
async def test_a_crash_between_storing_and_linking_is_made_good_by_the_sweep(store: MongoStore, token: str) -> None:
    core = build_core(store)
    await core.ingest([page_view(TENANT, visitor(TENANT, "v"), minute=1)])
    identity: Identity = visitor(TENANT, "v")
    # The association is committed, and its process dies before it scans.
    contact_id = await create(store, "ada@example.com")
    await store.identities.associate([Association(identity, contact_id, token)], MORNING)

    assert await build_core(store).linker.sweep() == 1

    assert len(await tracker_events(store, contact_id)) == 1
    assert await store.database["identities"].count_documents({"link_task": token}) == 0


async def test_what_cannot_be_linked_keeps_no_other_task_waiting(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = build_core(store)
    left: dict[str, str] = {}
    for number, name in enumerate(("ada", "bob")):
        await core.ingest([page_view(TENANT, visitor(TENANT, name), minute=1)])
        left[name] = await create(store, f"{name}@example.com")
        await store.identities.associate([Association(visitor(TENANT, name), left[name], f"{number:026}")], MORNING)
    link = MongoEvents.link

    async def link_all_but_adas(events: MongoEvents, event_ids: list[str], contact_id: str) -> int:
        if contact_id == left["ada"]:
            raise RefusedDocumentError
        return await link(events, event_ids, contact_id)

    with monkeypatch.context() as patched:
        patched.setattr(MongoEvents, "link", link_all_but_adas)
        assert await core.linker.sweep() == 1
    assert len(await tracker_events(store, left["bob"])) == 1
    assert await core.linker.sweep() == 1
    assert len(await tracker_events(store, left["ada"])) == 1


@pytest.mark.parametrize("error", [RefusedDocumentError, StoreUnavailableError])
async def test_tasks_that_fail_each_time_keep_no_later_one_waiting(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch, error: type[StoreError]
) -> None:
    monkeypatch.setattr(linking, "_SWEEP_LIMIT", 2)
    core = build_core(store)
    left: dict[str, str] = {}
    for number, name in enumerate(("ada", "bea", "cyd", "dan", "eve")):
        await core.ingest([page_view(TENANT, visitor(TENANT, name), minute=1)])
        left[name] = await create(store, f"{name}@example.com")
        await store.identities.associate([Association(visitor(TENANT, name), left[name], f"{number:026}")], MORNING)
    link, hopeless = MongoEvents.link, (left["ada"], left["bea"], left["dan"])

    async def link_some(events: MongoEvents, event_ids: list[str], contact_id: str) -> int:
        if contact_id in hopeless:
            raise error
        return await link(events, event_ids, contact_id)

    async def swept(times: int) -> list[str]:
        for _ in range(times):
            with contextlib.suppress(StoreUnavailableError):
                await core.linker.sweep()
        return [name for name, contact_id in left.items() if await tracker_events(store, contact_id)]

    with monkeypatch.context() as patched:
        patched.setattr(MongoEvents, "link", link_some)
        assert await swept(4) == ["cyd", "eve"]
    assert await swept(6) == list(left)


async def test_sessions_with_ids_of_any_length_are_linked_and_what_is_no_id_is_not_counted(store: MongoStore) -> None:
    core = build_core(store)
    names = [f"s{n}" for n in range(3)] + ["x" * 256] + [f"{n}" + "x" * 60_000 for n in range(296)]
    visits = [page_view(TENANT, visitor(TENANT, "v"), minute=n, session_id=name) for n, name in enumerate(names)]
    for start in range(0, 300, 100):
        await core.ingest(visits[start : start + 100])

    contact_id = await create(store, "ada@example.com", "v")

    assert [one.session_id for one in await tracker_events(store, contact_id)] == names
    profile = await store.profiles.get(TENANT, contact_id)
    assert profile is not None
    assert (profile.page_views, profile.sessions) == (300, 4)


async def test_large_events_are_linked_and_listed_a_few_at_a_time(store: MongoStore) -> None:
    core = build_core(store)
    large = [page_view(TENANT, visitor(TENANT, "v"), minute=n, data={"seen": "x" * 5_000_000}) for n in range(10)]
    await core.ingest(large)

    events, more = await store.events.awaiting(visitor(TENANT, "v"), 100)
    assert (len(events), more) == (4, True)
    contact_id = await create(store, "ada@example.com", "v")

    query = TimelineQuery(TENANT, contact_id, event="page_view", newest_first=False)
    portions = [[one.event_id for one in portion] async for portion in store.events.timeline(query)]
    assert [len(portion) for portion in portions] == [4, 4, 2]
    assert [one for portion in portions for one in portion] == [one.event_id for one in large]
