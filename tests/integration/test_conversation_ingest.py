"""Conversations on a real MongoDB: any order, repetition and interleaving of deliveries and contacts ends the same."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.bootstrap import build_core
from schemas.contacts import CreateContact
from service.contacts.context import Caller
from service.conversations import projection
from service.conversations.incoming import Delivery
from service.ledger.model import Outcome
from service.mongo.store import MongoStore
from tests.support.conversation_facts import PEOPLE, TENANT, deliveries

CALLER = Caller(TENANT, "key_1", None)
COLLECTIONS = ["messages", "source_threads", "source_persons", "conversation_rows", "conversation_threads", "events"]

sample = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
def large_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of two messages is a large one, and kept in parts."""
    monkeypatch.setattr(projection, "LARGE", 1)


async def forget(store: MongoStore) -> None:
    for name in [*COLLECTIONS, "contacts", "identities", "profiles", "outbox", "ledger"]:
        await store.database[name].delete_many({})


async def state(store: MongoStore) -> dict[str, Any]:
    """All that is stored of conversations; contacts by their addresses, since their ids differ from run to run."""
    database = store.database
    names = {one["_id"]: one["email"] async for one in database["contacts"].find({})}
    found: dict[str, Any] = {}
    for name in COLLECTIONS:
        documents = [named(one, names) async for one in database[name].find({"source": {"$ne": "crm"}})]
        if name == "events":
            # Their ids are of the contacts.
            documents = [{**one, "_id": [one["contact_id"], one["identities"], one["data"]]} for one in documents]
        found[name] = sorted((one for one in documents if one.get("emails") != []), key=lambda one: str(one["_id"]))
    profiles = [one async for one in database["profiles"].find({"conversed.counts": {"$nin": [None, {}]}})]
    found["figures"] = {names[one["_id"]]: one["conversed"] for one in profiles}
    return found


def named(value: Any, names: dict[str, str]) -> Any:
    """Without what tells how often and when things were written. Addresses of a person are a set."""
    if isinstance(value, dict):
        unsaid = ("touched", "received_at", "feed_shard", "feed_at", "feed_linked")
        kept = {key: item for key, item in value.items() if key not in unsaid}
        kept |= {"emails": sorted(kept["emails"])} if "emails" in kept else {}
        return {key: named(item, names) for key, item in kept.items()}
    return names.get(value, value) if isinstance(value, str) else value


async def create(store: MongoStore, email: str) -> None:
    await build_core(store).use_cases.create_contact(CALLER, CreateContact(email=email))


@sample
@given(
    told=st.lists(deliveries, min_size=2, max_size=7),
    contacts=st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1, max_size=2),
    shuffled=st.randoms(use_true_random=False),
)
async def test_any_order_and_any_interleaving_end_the_same(
    store: MongoStore, told: list[Delivery], contacts: list[str], shuffled: random.Random
) -> None:
    await forget(store)
    for one in told:
        await build_core(store).ingest_conversations([one], [])
    for email in contacts:
        await create(store, email)
    expected = await state(store)

    await forget(store)
    # Each process has a core of its own; every delivery comes twice, some in one batch with others.
    order = shuffled.sample([*told, *told], 2 * len(told))
    cut = shuffled.randrange(len(order))
    batches = [order[:cut], order[cut:], *([one] for one in told)]
    works = [build_core(store).ingest_conversations(batch, []) for batch in batches]
    creating = [create(store, email) for email in contacts]
    await asyncio.gather(*shuffled.sample([*works, *creating], len(works) + len(creating)))
    assert await state(store) == expected

    for one in told:
        assert await build_core(store).ingest_conversations([one], []) == [Outcome.DUPLICATE]
    assert await state(store) == expected
