"""Profiles made anew from what is stored, on a real MongoDB: whatever is wrong is found, named and put right."""

import asyncio
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.mongo.contact_list import walk_of
from service.mongo.store import MongoStore
from service.profile.ports import RebuildProgress, RebuildScope
from service.profile.remake import ContactRemaker, Remade
from tests.support.conversation_facts import MAILBOXES, PEOPLE, TENANT, mail, part
from tests.support.events import MORNING, page_view, visitor
from tests.support.plans import examined, explain_find, stages_of

CALLER = Caller(TENANT, "key_1", None)
KEPT = ["profile_rows", "conversation_rows", "conversation_threads", "events"]
ALL = RebuildScope(None, dry_run=False)
DRY = RebuildScope(None, dry_run=True)


async def create(store: MongoStore, email: str, *visitors: str) -> str:
    wanted = CreateContact.model_validate({"email": email, "visitor_id": list(visitors)})
    return (await build_core(store).use_cases.create_contact(CALLER, wanted)).contact_id


async def rebuild(store: MongoStore, scope: RebuildScope = ALL) -> RebuildProgress:
    done = await build_core(store).rebuild_profiles(scope, lambda _: None, asyncio.Event())
    assert done is not None
    return done


async def state(store: MongoStore) -> dict[str, Any]:
    """All that a rebuild may write."""
    profiles = [one async for one in store.database["profiles"].find({})]
    found: dict[str, Any] = {"profiles": [{**one, "touched": None} for one in profiles]}
    for name in KEPT:
        # Without the marks for contacts.timeline: what a rebuild brings back enters the timeline again.
        unsaid = dict.fromkeys(("feed_shard", "feed_at", "feed_linked"), 0)
        documents = [one async for one in store.database[name].find({}, unsaid)]
        found[name] = sorted(documents, key=lambda one: str(one["_id"]))
    return found


def visits(count: int, who: str = "v") -> list[Any]:
    """Page views of many sessions, on some devices."""
    return [
        page_view(
            TENANT,
            visitor(TENANT, who),
            minute=n,
            session_id=f"s{n // 2}",
            context={"browser": f"B{n % 30:02}", "os": "Linux", "device_type": "desktop", "utm": {"utm_source": "x"}},
        )
        for n in range(count)
    ]


@pytest.fixture
async def ada(store: MongoStore) -> str:
    """A contact that was seen and written to."""
    contact_id = await create(store, PEOPLE[0], "v")
    core = build_core(store)
    await core.ingest(visits(80))
    letters = [
        mail(box, n, 1 if n else None, PEOPLE[:1], 1, None, sent=False, completeness=2)
        for box in MAILBOXES
        for n in (0, 2)
    ]
    talk = [part("c1", n, 1, {"i1"}, redacted=False, internal=False, state="open") for n in range(3)]
    await core.ingest_conversations([*letters, *talk], [])
    return contact_id


async def test_a_right_profile_is_left_alone(store: MongoStore, ada: str) -> None:
    before = await store.database["profiles"].find_one({"_id": ada})
    done = await rebuild(store)
    assert (done.looked_at, done.wrong, done.busy) == (1, 0, 0)
    assert await store.database["profiles"].find_one({"_id": ada}) == before


async def spoil_figures(store: MongoStore, ada: str) -> set[str]:
    spoilt = {"page_views": 7, "last_utm.value": {"utm_source": "wrong"}, "conversed.counts.gmail": 9, "sources": ["x"]}
    await store.database["profiles"].update_one({"_id": ada}, {"$set": spoilt, "$unset": {"first_seen_at": ""}})
    return {"page_views", "last_utm", "conversations", "sources", "first_seen_at"}


async def lose_the_profile(store: MongoStore, ada: str) -> set[str]:
    await store.database["profiles"].delete_one({"_id": ada})
    names = "sources page_views sessions device_count devices first_seen_at last_seen_at last_page first_utm last_utm"
    return {*names.split(), "conversations"}


async def lose_and_invent_rows(store: MongoStore, ada: str) -> set[str]:
    rows = store.database["profile_rows"]
    device = {"browser": "No", "os": "No", "device_type": "none", "is_bot": False}
    for known, invented in (("session_id", {"session_id": "invented"}), ("browser", device)):
        await rows.delete_one({"contact_id": ada, f"_id.{known}": {"$exists": True}})
        await rows.insert_one({"_id": {"contact_id": ada, **invented}, "tenant_id": TENANT, "contact_id": ada})
    return {"session_rows", "device_rows"}


async def lose_and_invent_threads(store: MongoStore, ada: str) -> set[str]:
    threads = store.database["conversation_threads"]
    lost = await threads.find_one_and_delete({"contact_id": ada, "source": "gmail"})
    assert lost
    key = {"contact_id": ada, "conversation_id": "cv_invented"}
    await threads.insert_one({**lost, "_id": key, "conversation_id": "cv_invented"})
    return {"threads"}


async def show_the_wrong_copies(store: MongoStore, ada: str) -> set[str]:
    await store.database["conversation_rows"].update_many({"contact_id": ada}, {"$set": {"shown": False}})
    return {"shown_messages"}


async def lose_and_invent_message_events(store: MongoStore, ada: str) -> set[str]:
    events = store.database["events"]
    lost = await events.find_one_and_delete({"contact_id": ada, "source": "gmail"})
    assert lost
    await events.insert_one({**lost, "_id": "evt_invented"})
    return {"message_events"}


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_figures,
        lose_the_profile,
        lose_and_invent_rows,
        lose_and_invent_threads,
        show_the_wrong_copies,
        lose_and_invent_message_events,
    ],
)
async def test_what_is_wrong_is_named_and_put_right(store: MongoStore, ada: str, spoil: Any) -> None:
    right = await state(store)
    names = await spoil(store, ada)
    wrong = await state(store)
    assert wrong != right

    with capture_logs() as logs:
        told = await rebuild(store, DRY)
        assert (told.looked_at, told.wrong, told.busy) == (1, 1, 0)
        assert await state(store) == wrong, "a dry run changes nothing"
        done = await rebuild(store)

    assert (done.looked_at, done.wrong, done.busy) == (1, 1, 0)
    assert await state(store) == right
    assert (await rebuild(store)).wrong == 0
    dry, corrected = [one for one in logs if one["event"] == "profile_was_wrong"]
    assert set(dry["figures"]) == set(corrected["figures"]) == names
    assert (dry["contact_id"], dry["corrected"], corrected["corrected"]) == (ada, False, True)


async def test_everything_wrong_at_once(store: MongoStore, ada: str) -> None:
    right = await state(store)
    for spoil in (spoil_figures, lose_and_invent_rows, show_the_wrong_copies, lose_and_invent_message_events):
        await spoil(store, ada)
    assert (await rebuild(store)).wrong == 1
    assert await state(store) == right


async def test_only_the_asked_tenant_and_only_live_contacts(store: MongoStore, ada: str) -> None:
    gone = await create(store, "gone@example.com", "w")
    await build_core(store).use_cases.delete_contact(CALLER, gone)
    other = Caller("other", "key_2", None)
    await build_core(store).use_cases.create_contact(other, CreateContact(email="bob@example.com"))

    assert (await rebuild(store)).looked_at == 2
    assert (await rebuild(store, RebuildScope(TENANT, dry_run=False))).looked_at == 1
    assert (await rebuild(store, RebuildScope("nobody", dry_run=False))).looked_at == 0
    before = await state(store)
    assert await ContactRemaker(store, dry_run=False)(TENANT, gone) == Remade()
    assert await state(store) == before


async def test_a_stopped_rebuild_goes_on_where_it_was(store: MongoStore) -> None:
    for n in range(5):
        await create(store, f"c{n}@example.com")
        await build_core(store).use_cases.create_contact(
            Caller("other", "key_2", None), CreateContact(email=f"c{n}@example.com")
        )
    await store.database["profiles"].update_many({}, {"$set": {"page_views": 9}})
    stop = asyncio.Event()
    told: list[RebuildProgress] = []

    def stop_after_seven(progress: RebuildProgress) -> None:
        told.append(progress)
        if progress.looked_at == 7:
            stop.set()

    rebuilder = build_core(store).rebuild_profiles
    assert await rebuilder(ALL, stop_after_seven, stop) is None
    assert await build_core(store).rebuild_profiles.started(ALL) == told[-1]
    assert await rebuilder.started(DRY) is None
    rest: list[RebuildProgress] = []
    done = await build_core(store).rebuild_profiles(ALL, rest.append, asyncio.Event())

    assert [one.looked_at for one in [*told, *rest]] == list(range(1, 11))
    places = [one.behind for one in [*told, *rest] if one.behind]
    assert len({(one.tenant_id, one.contact_id) for one in places}) == 10
    assert done == rest[-1]
    assert await rebuilder.started(ALL) is None


async def test_a_rebuild_beside_live_traffic_ends_exact(store: MongoStore) -> None:
    ada = await create(store, PEOPLE[0], "v")
    core = build_core(store)
    batches = visits(400)

    async def live() -> None:
        for start in range(0, 400, 8):
            await core.ingest(batches[start : start + 8])
            if start % 80 == 0:
                number = start // 80 % 4
                letter = mail(MAILBOXES[0], number, None, PEOPLE[:1], start, None, sent=False, completeness=2)
                await core.ingest_conversations([letter], [])
                await spoil_figures(store, ada)

    writing = asyncio.create_task(live())
    while not writing.done():
        await rebuild(store)
    await writing
    assert (await rebuild(store)).busy == 0

    assert (await rebuild(store)).wrong == 0
    profile = await store.profiles.get(TENANT, ada)
    assert profile is not None
    assert (profile.page_views, profile.sessions, profile.device_count) == (400, 200, 30)


async def test_whoever_stands_in_the_way_makes_a_contact_busy(store: MongoStore, ada: str) -> None:
    """As a process that was killed in a transaction does, until the server gives it up."""
    right = await state(store)
    await spoil_figures(store, ada)
    impatient = MongoStore(store.database.client, store.database, deadline_seconds=0.05)

    async with store.session() as dead:

        async def work() -> None:
            await dead.profiles.touch(TENANT, ada)
            assert await ContactRemaker(impatient, dry_run=False)(TENANT, ada) == Remade(settled=False)
            raise LookupError

        with pytest.raises(LookupError):
            await dead.transaction(work)
    assert (await ContactRemaker(impatient, dry_run=False)(TENANT, ada)).settled
    assert await state(store) == right


async def test_the_walk_over_all_contacts_is_covered_by_an_index(store: MongoStore) -> None:
    ada = await create(store, PEOPLE[0])
    template = await store.database["contacts"].find_one({"_id": ada})
    assert template is not None
    await store.database["contacts"].insert_many(
        [
            {**template, "_id": f"ct_{t}_{n:04}", "tenant_id": t, "created_at": MORNING + timedelta(hours=n % 7)}
            for t in ("t", "u")
            for n in range(500)
        ]
    )
    [*_, behind] = await store.contact_list.walk(None, None, 250)
    for tenant_id in (None, "t"):
        criteria, sort = walk_of(tenant_id, behind)
        plan = await explain_find(store, "contacts", criteria, sort, limit=100)
        assert not stages_of(plan) & {"SORT", "COLLSCAN"}
        assert max(examined(plan)) <= 110
        walked, place = [], None
        while portion := await store.contact_list.walk(tenant_id, place, 37):
            walked += portion
            place = portion[-1]
        assert len({one.contact_id for one in walked}) == len(walked) == (501 if tenant_id else 1001)


async def _peak(store: MongoStore, contact_id: str) -> int:
    tracemalloc.start()
    try:
        assert (await ContactRemaker(store, dry_run=False)(TENANT, contact_id)).wrong >= {"session_rows", "page_views"}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_memory_does_not_grow_with_the_number_of_events(store: MongoStore) -> None:
    peaks = []
    for who, count in (("few", 3_000), ("many", 18_000)):
        contact_id = await create(store, f"{who}@example.com", who)
        await build_core(store).ingest(visits(1, who))
        event = await store.database["events"].find_one({"contact_id": contact_id, "source": "tracker"})
        assert event is not None
        await store.database["events"].insert_many(
            [{**event, "_id": f"evt_{who}_{n:06}", "session_id": f"session-{n:06}"} for n in range(count)]
        )
        peaks.append(await _peak(store, contact_id))
        profile = await store.profiles.get(TENANT, contact_id)
        assert profile is not None
        assert (profile.page_views, profile.sessions) == (count + 1, count + 1)
        counted = {"contact_id": contact_id, "_id.session_id": {"$exists": True}}
        assert await store.database["profile_rows"].count_documents(counted) == count + 1
    assert peaks[1] < 2 * peaks[0]
