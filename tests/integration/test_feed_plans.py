"""How `feed verify` and `feed rebuild-snapshot` look for one tenant's contacts: others' are not looked at."""

import pytest

from deploy.bootstrap import Core, build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.mongo import stretches
from service.mongo.store import MongoStore

OTHERS = 60


async def filled(core: Core) -> tuple[list[str], list[str]]:
    """Ids of acme's contacts and of its deleted ones, among those of others, of which every third is deleted."""
    living: list[str] = []
    dead: list[str] = []
    use = core.use_cases
    for n in range(OTHERS):
        for tenant in ("aaaa", "acme", "zzzz") if n % 10 == 0 else ("aaaa", "zzzz"):
            caller = Caller(tenant, "key_1", "req_1")
            # Some of acme's have more identities than are asked for at once.
            visitors = [f"visitor-{n}-{v}" for v in range(9 if n % 20 else 1)]
            wanted = CreateContact.model_validate({"email": f"{n}@example.com", "visitor_id": visitors})
            contact_id = (await use.create_contact(caller, wanted)).contact_id
            if n % 3 == 0:
                await use.delete_contact(caller, contact_id)
            if tenant == "acme":
                (living if n % 3 else dead).append(contact_id)
    return sorted(living), sorted(dead)


async def looked_at(store: MongoStore, collection: str) -> list[int]:
    """Of each query since the profiler was turned on, the keys or documents that it looked at, whichever are more."""
    whole = store.database["system.profile"].find({"ns": {"$regex": rf"\.{collection}$"}, "op": {"$ne": "getmore"}})
    return [max(one["keysExamined"], one["docsExamined"]) for one in await whole.to_list(None)]


async def test_one_tenants_contacts_are_found_without_looking_at_others(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, dead = await filled(build_core(store))
    monkeypatch.setattr(stretches, "LOOKED_AT", 10)
    history = store.feed_history

    await store.database.command("profile", 2)
    compared = [contact.contact_id async for contact in history.living("acme")]
    counted = dict([one async for one in history.counted("acme")])
    found, after = [], ""
    while portion := await store.rebuilds.contacts_after("acme", after, 4):
        found += portion
        after = portion[-1][1]
    await store.database.command("profile", 0)

    assert sorted(compared) == living
    assert {one: counted[one].sequence for one in counted} == dict.fromkeys(living, 1) | dict.fromkeys(dead, 2)
    assert found == [("acme", one) for one in living]
    # A rebuild that was stopped remembers an id.
    assert await store.rebuilds.contacts_after("acme", living[1], 1) == [("acme", living[2])]
    assert await looked_at(store, "contacts") == [len(living), len(living)]
    assert max(await looked_at(store, "identities")) <= 4
    dead_at_once = await looked_at(store, "tombstones")
    assert len(dead_at_once) >= OTHERS // 10
    assert max(dead_at_once) <= 11


async def test_the_operators_own_view_has_all_of_them(store: MongoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "LOOKED_AT", 10)
    await filled(build_core(store))

    counted = [one async for one, _ in store.feed_history.counted(None)]

    there = [one["_id"] for name in ("contacts", "tombstones") async for one in store.database[name].find()]
    assert len(there) == 2 * OTHERS + OTHERS // 10
    assert sorted(counted) == sorted(there)
