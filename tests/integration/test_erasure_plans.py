"""How an erasure looks for persons whom a source knows: among a bounded number at once. No index has addresses."""

import pytest

from schemas.events import Source
from service.conversations.incoming import PersonKey
from service.mongo import stretches
from service.mongo.store import MongoStore

PERSONS = 95
ADA, EVE = "ada@example.com", "eve@example.com"


def person(tenant_id: str, number: int) -> PersonKey:
    return PersonKey(tenant_id, Source.INTERCOM, f"p{number:03}")


async def test_who_is_known_by_an_address_is_looked_for_among_a_bounded_number_at_once(
    store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "LOOKED_AT", 10)
    numbers = range(PERSONS)
    for tenant in ("acme", "acme-2", "zeta"):
        emails = {person(tenant, n): frozenset([EVE, ADA] if n % 4 == 1 else [f"{n}@example.com"]) for n in numbers}
        await store.source_threads.write_persons(emails)

    await store.database.command("profile", 2)
    found = await store.shared_remains.persons_with("acme", [ADA])
    await store.shared_remains.forget_addresses("acme", [ADA])
    await store.database.command("profile", 0)

    assert found == [person("acme", n) for n in numbers if n % 4 == 1]
    assert await store.shared_remains.persons_with("acme", [ADA]) == []
    assert await store.shared_remains.persons_with("acme", [EVE]) == found
    assert len(await store.shared_remains.persons_with("acme-2", [ADA])) == len(found)
    whole = store.database["system.profile"].find({"ns": {"$regex": "source_persons$"}, "keysExamined": {"$gt": 0}})
    looked_at = [one["keysExamined"] for one in await whole.to_list(None)]
    assert len(looked_at) >= 2 * PERSONS // 10
    assert max(looked_at) <= 11
    assert await store.shared_remains.persons_with("nobody", [ADA]) == []
