"""What is done beside an erasure, step by step: whichever comes second sees the other."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumers.tracker.normalise import event_id_of_message
from deploy.bootstrap import Core, build_core
from schemas.contacts import CreateContact
from service.contacts.adopt import adopt_visitors
from service.contacts.context import Caller
from service.contacts.model import Contact
from service.erasure.guard import ErasureGuard
from service.erasure.marks import Marker
from service.erasure.model import Subject
from service.errors import RefusedDocumentError, StoreError, StoreUnavailableError
from service.identity import linking
from service.identity.model import Identity, IdentityKind
from service.mongo.remains import MongoRemains
from service.mongo.store import MongoStore
from tests.support.erasure import EMAIL, EXTERNAL, MAIL, SECRET, VISITOR, Sources, guard, traces_in
from tests.support.events import page_view
from tests.support.gmail import text_part

TENANT = "acme"
OTHERS = "bob@others.example"
WHO = Identity(TENANT, IdentityKind.VISITOR, VISITOR)


@pytest.fixture
def core(store: MongoStore) -> Core:
    return build_core(store, guard=guard())


@pytest.mark.parametrize("dies", [False, True])
async def test_what_is_stored_beside_an_erasure_is_found(core: Core, store: MongoStore, dies: bool) -> None:
    """Batches that asked for marks before there were any, and commit after the erasure has looked everywhere; whoever
    stored them may die before looking again."""
    identities = {
        "visit": Identity(TENANT, IdentityKind.VISITOR, VISITOR),
        "mail": Identity(TENANT, IdentityKind.EMAIL, EMAIL),
    }

    class Racing(ErasureGuard):
        """Between the batch's own look for marks and its commit somebody is erased."""

        raced = False

        async def find(self, session: Any, handles: Any) -> Any:
            found = await super().find(session, handles)
            if not self.raced:
                self.raced = True
                erasure = await core.begin_erasure.of_identities(TENANT, [identities[send]])
                await core.erase(TENANT, erasure.erasure_id)
            return found

        async def look_again(self, session: Any, identities: Any) -> None:
            if not dies:
                await super().look_again(session, identities)

    for send in ("visit", "mail"):
        racing = Sources(build_core(store, guard=Racing(Marker(SECRET))), TENANT)
        await (racing.visit() if send == "visit" else racing.mail("g1", sender=EMAIL, payload=text_part(MAIL)))
        assert await traces_in(store), send
        if dies:
            await Sources(core, TENANT, racing.sent).again()
        await core.erase.sweep()
        assert await traces_in(store) == [], send


class Erasing:
    """Erases the visitor, once: begins it, and goes on with it to its end or beside whoever asked."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.going: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        if self.going is None:
            erasure = await self._core.begin_erasure.of_identities(TENANT, [WHO])
            self.going = asyncio.create_task(self._core.erase(TENANT, erasure.erasure_id))

    async def end(self) -> None:
        await self.begin()
        assert self.going is not None
        await self.going


async def becomes_known(core: Core, visitors: Iterable[str] = ()) -> Contact:
    """Bob, by the external id that events of the visitor carry."""
    wanted = CreateContact.model_validate({"email": OTHERS, "visitor_id": list(visitors)})
    known_as = [Identity(TENANT, IdentityKind.EXTERNAL, EXTERNAL)]
    return await core.use_cases.create_contact(Caller(TENANT, "key", None), wanted, known_as)


async def takes_its_visits(core: Core, contact_id: str) -> bool:
    """Whether what the visitor does from now on is in the timeline of the contact that has its id."""
    await Sources(core, TENANT).visit(at=datetime.now(UTC), message_id="from-now-on")
    (found,) = await core.store.events.get(TENANT, [event_id_of_message(TENANT, "from-now-on")]) or (None,)
    return found is not None and found.contact_id == contact_id


async def test_an_id_that_is_adopted_beside_its_erasure_is_its_contacts(
    core: Core, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction that adopts it began when there was no mark, and commits while the erasure looks for visits."""
    erasing = Erasing(core)

    async def adopt(*arguments: Any) -> Any:
        await erasing.begin()
        return await adopt_visitors(*arguments)

    await Sources(core, TENANT).visit(external_contact_id=EXTERNAL)
    monkeypatch.setattr(linking, "adopt_visitors", adopt)
    contact_id = (await becomes_known(core)).contact_id
    await erasing.end()
    assert await store.identities.owners([WHO]) == {WHO: contact_id}
    assert await takes_its_visits(core, contact_id)


async def test_an_id_is_not_adopted_while_it_is_being_erased(core: Core, store: MongoStore) -> None:
    await Sources(core, TENANT).visit(external_contact_id=EXTERNAL)
    erasure = await core.begin_erasure.of_identities(TENANT, [WHO])
    contact = await becomes_known(core)
    assert await store.identities.owners([WHO]) == {}
    await core.erase(TENANT, erasure.erasure_id)
    stored = await store.contacts.get(TENANT, contact.contact_id)
    assert stored is not None
    assert stored.visitor_ids == ()
    assert await traces_in(store, [VISITOR]) == []


@pytest.mark.parametrize("ends", [False, True])
async def test_an_id_that_is_given_beside_its_erasure_is_its_contacts(
    core: Core, store: MongoStore, ends: bool
) -> None:
    """The transaction that gives it looked for marks before there was one."""
    erasing = Erasing(core)

    class Racing(ErasureGuard):
        """Between the look for marks and the commit the visitor is erased."""

        async def find(self, session: Any, handles: Any) -> Any:
            found = await super().find(session, handles)
            await (erasing.end() if ends else erasing.begin())
            return found

    racing = build_core(store, guard=Racing(Marker(SECRET)))
    contact_id = (await becomes_known(racing, [VISITOR])).contact_id
    await erasing.end()
    assert await store.identities.owners([WHO]) == {WHO: contact_id}
    assert await takes_its_visits(core, contact_id)


async def test_what_was_linked_to_another_since_it_was_looked_at_stays(store: MongoStore) -> None:
    seen = page_view(TENANT, WHO, event_id="evt_seen")
    linked = page_view(TENANT, WHO, event_id="evt_linked_since")
    await store.events.insert([seen, linked])
    async for found in store.remains.known_by([WHO]):
        known = [(one.event_id, one.contact_id) for one in found]
    await store.events.link(["evt_linked_since"], "ct_another")

    await store.remains.remove_known(TENANT, known)

    assert [event.event_id for event in await store.events.get(TENANT, ["evt_seen", "evt_linked_since"])] == [
        "evt_linked_since"
    ]


async def test_what_is_linked_to_another_beside_an_erasure_says_no_more_who_was_there(
    core: Core, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen as nobody's, and linked by an external id before it is removed."""
    event = page_view(TENANT, Identity(TENANT, IdentityKind.EXTERNAL, "another"), WHO, event_id="evt_between")
    await store.events.insert([event])
    remove_known = MongoRemains.remove_known

    async def linked_before(self: MongoRemains, tenant_id: str, events: Any) -> None:
        await store.events.link(["evt_between"], "ct_another")
        await remove_known(self, tenant_id, events)

    monkeypatch.setattr(MongoRemains, "remove_known", linked_before)
    erasure = await core.begin_erasure.of_identities(TENANT, [WHO])
    await core.erase(TENANT, erasure.erasure_id)

    [kept] = await store.events.get(TENANT, ["evt_between"])
    assert WHO not in kept.identities
    assert kept.visitor_id is None


async def test_a_mark_that_another_erasure_laid_anew_stays(store: MongoStore) -> None:
    now = datetime.now(UTC)
    await store.marks.lay(TENANT, "era_2", ["mark"], now)

    await store.marks.let_go(TENANT, "era_1", ["mark"])
    assert (await store.marks.find(TENANT, ["mark"]))["mark"].before is None

    await store.marks.let_go(TENANT, "era_2", ["mark"])
    assert (await store.marks.find(TENANT, ["mark"]))["mark"].before is not None


@pytest.mark.parametrize("wrong_by", [timedelta(hours=-1), timedelta(hours=1)], ids=["behind", "ahead"])
async def test_a_process_with_a_wrong_clock_takes_what_comes_from_now_on_and_nothing_from_before(
    core: Core, store: MongoStore, wrong_by: timedelta
) -> None:
    erasure = await core.begin_erasure.of_identities(TENANT, [WHO])
    await core.erase(TENANT, erasure.erasure_id)
    wrong = build_core(store, lambda: datetime.now(UTC) + wrong_by, guard=guard())

    contact = await becomes_known(wrong, [VISITOR])

    assert await takes_its_visits(core, contact.contact_id)
    earlier = datetime.now(UTC) - timedelta(minutes=10)
    await Sources(core, TENANT).visit(at=earlier, message_id="from-before")
    assert await store.events.get(TENANT, [event_id_of_message(TENANT, "from-before")]) == []


async def test_an_erased_id_on_an_event_that_came_beside_the_erasure_is_not_adopted(
    core: Core, store: MongoStore
) -> None:
    """Stored after the erasure's end by whoever died before looking again; then the external id gets its contact."""
    erasure = await core.begin_erasure.of_identities(TENANT, [WHO])
    await core.erase(TENANT, erasure.erasure_id)
    known_as = Identity(TENANT, IdentityKind.EXTERNAL, EXTERNAL)
    await store.events.insert([page_view(TENANT, known_as, WHO, event_id="evt_beside")])

    await becomes_known(core)

    assert await store.identities.owners([WHO]) == {}


@pytest.mark.parametrize("error", [RefusedDocumentError, StoreUnavailableError])
async def test_erasures_that_fail_keep_no_other_waiting_and_are_tried_again(
    core: Core, store: MongoStore, monkeypatch: pytest.MonkeyPatch, error: type[StoreError]
) -> None:
    """As many as one sweep takes up, and another tenant's behind them."""
    for number in range(10):
        await core.begin_erasure.of_identities(TENANT, [Identity(TENANT, IdentityKind.VISITOR, f"v{number}")])
    await core.begin_erasure.of_identities("other", [Identity("other", IdentityKind.VISITOR, VISITOR)])
    blank_answers = MongoRemains.blank_answers

    async def blank_others(self: MongoRemains, subject: Subject) -> int:
        if subject.tenant_id == TENANT:
            raise error
        return await blank_answers(self, subject)

    with monkeypatch.context() as patched:
        patched.setattr(MongoRemains, "blank_answers", blank_others)
        assert await core.erase.sweep() == 0
        assert await core.erase.sweep() == 1

    monkeypatch.setattr("service.mongo.claims.LEASE_SECONDS", 0)
    assert await core.erase.sweep() == 10


async def test_what_a_dead_run_had_in_hand_is_gone_on_with_though_the_servers_clock_was_set_back(
    core: Core, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim was of later than now, and nobody took the erasure up until that time had come."""
    erasure = await core.begin_erasure.of_identities(TENANT, [Identity(TENANT, IdentityKind.VISITOR, VISITOR)])
    assert await store.erasures.claim(TENANT, erasure.erasure_id, "dead")
    ahead = [{"$set": {"claimed_at": {"$add": ["$claimed_at", 2 * 3_600_000]}}}]
    await store.database["erasures"].update_many({}, ahead)

    assert await core.erase.sweep() == 0, "it may be alive yet"
    monkeypatch.setattr("service.mongo.claims.LEASE_SECONDS", 0)
    assert await core.erase.sweep() == 1
