"""Lists of contacts against a model: every filter, search and sort equals plain Python over the same contacts, and a
walk by cursor meets each contact once, whatever comes and goes."""

import asyncio
import uuid
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.contacts.list import ContactLister
from service.contacts.query import ContactFilter, ContactOrder, ContactQuery
from service.mongo import contact_list, contact_plans
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.listing import contacts, filters, listed, matches, store_contacts

modest = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
directions = st.booleans()


def new_tenant() -> str:
    return f"tenant-{uuid.uuid4().hex}"


@pytest.fixture(params=[2, contact_plans.BROAD])
def broad(request: pytest.FixtureRequest) -> Any:
    """So few contacts would never be many: with 2, the plans for broad filters are used too."""
    with (
        patch.object(contact_plans, "BROAD", request.param),
        patch.object(contact_list, "BROAD", request.param),
    ):
        yield request.param


async def in_pages(lister: ContactLister, asked: ContactFilter, limit: int, **order: Any) -> list[str]:
    found: list[str] = []
    while True:
        page = await lister.page(ContactQuery(asked, limit, offset=len(found), **order))
        found += [contact.contact_id for contact, _ in page.contacts]
        if page.last is None:
            assert page.total == len(found)
            return found
        assert len(page.contacts) == limit


async def by_cursor(lister: ContactLister, asked: ContactFilter, limit: int, **order: Any) -> list[str]:
    found: list[str] = []
    query = ContactQuery(asked, limit, **order)
    while True:
        page = await lister.page(query, known_total=0)
        found += [contact.contact_id for contact, _ in page.contacts]
        if page.last is None:
            return found
        query = ContactQuery(asked, limit, behind=page.last, summary=True, **order)


async def test_every_list_equals_the_model(shared_store: MongoStore, broad: int) -> None:
    lister = ContactLister(shared_store)

    @modest
    @given(
        some=st.lists(contacts(), max_size=25),
        strangers=st.lists(contacts(), max_size=3),
        asked=st.lists(filters, min_size=1, max_size=6),
        order=st.sampled_from(ContactOrder),
        descending=directions,
        limit=st.integers(1, 7),
    )
    async def check(some: Any, strangers: Any, asked: Any, order: ContactOrder, descending: bool, limit: int) -> None:
        tenant = new_tenant()
        mine = await store_contacts(shared_store, tenant, some)
        await store_contacts(shared_store, new_tenant(), strangers)
        for one in asked:
            wanted = ContactFilter(tenant, **one)
            expected = listed(mine, wanted, order, descending=descending)

            assert await in_pages(lister, wanted, limit, order=order, descending=descending) == expected
            assert await by_cursor(lister, wanted, limit, order=order, descending=descending) == expected
            assert await lister.count(wanted) == len(expected)

    await run(check)


async def run(check: Any) -> None:
    """Hypothesis drives plain functions: run it in a thread, and its examples in this loop."""
    loop = asyncio.get_running_loop()
    test = check.hypothesis.inner_test

    def example(**drawn: Any) -> None:
        asyncio.run_coroutine_threadsafe(test(**drawn), loop).result(60)

    check.hypothesis.inner_test = example
    await asyncio.to_thread(check)


@pytest.mark.parametrize("order", ContactOrder)
@pytest.mark.parametrize("descending", [True, False])
async def test_a_walk_meets_each_contact_once_whatever_comes_and_goes(
    shared_store: MongoStore, order: ContactOrder, descending: bool, broad: int
) -> None:
    lister = ContactLister(shared_store)
    collection = shared_store.database["contacts"]

    @settings(modest, max_examples=6)
    @given(
        stable=st.lists(contacts(), max_size=20),
        passing=st.lists(contacts(), max_size=10),
        coming=st.lists(st.lists(contacts(), max_size=3), max_size=12),
        asked=filters,
        limit=st.integers(1, 5),
    )
    async def check(stable: Any, passing: Any, coming: Any, asked: Any, limit: int) -> None:
        tenant = new_tenant()
        stays = await store_contacts(shared_store, tenant, stable)
        goes = await store_contacts(shared_store, tenant, passing)
        wanted = ContactFilter(tenant, **asked)
        query = ContactQuery(wanted, limit, order=order, descending=descending)
        found: list[str] = []
        for step in range(200):
            page = await lister.page(query, known_total=0)
            found += [contact.contact_id for contact, _ in page.contacts]
            if page.last is None:
                break
            query = ContactQuery(wanted, limit, order=order, descending=descending, behind=page.last)
            # Those that go include the contact at which the walk just stopped.
            behind = [one.contact_id for one in goes if one.contact_id == found[-1]]
            gone = [*behind, *(one.contact_id for one in goes[:1])]
            await collection.delete_many({"_id": {"$in": gone}})
            goes = [one for one in goes if one.contact_id not in gone]
            goes += await store_contacts(shared_store, tenant, coming[step] if step < len(coming) else ())
        else:
            pytest.fail("the walk does not end")

        assert len(found) == len(set(found))
        expected = listed(stays, wanted, order, descending=descending)
        assert [one for one in found if one in set(expected)] == expected
        assert not [one for one in stays if one.contact_id in found and not matches(one, wanted)]

    await run(check)


async def test_a_walk_through_the_api_beside_writers(api: ApiUser) -> None:
    stable = {(await api.create_contact())["contact_id"] for _ in range(20)}
    walking = True

    async def write() -> None:
        while walking:
            await api.create_contact(properties={"firstname": "Late"})

    writers = [asyncio.create_task(write()) for _ in range(2)]
    found: list[str] = []
    params: dict[str, Any] = {"limit": 3, "sort_by": "email", "sort_dir": "asc"}
    while True:
        reply = await api.get("/v1/contacts", params=params)
        assert reply.status == 200, reply
        found += [contact["contact_id"] for contact in reply.body["contacts"]]
        cursor = reply.body["pagination"]["next_cursor"]
        # New ones may come before the end of the walk for ever: stop writing once it has gone far enough.
        if len(found) > 30:
            walking = False
        if cursor is None:
            break
        params["cursor"] = cursor
    walking = False
    await asyncio.gather(*writers)

    assert len(found) == len(set(found))
    assert stable <= set(found)
