"""The rate limit, over the wire."""

from typing import Any

import pytest

from deploy.bootstrap import Core, build_core
from service.api.limits import ApiLimits
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, serve
from tests.support.doors import CORS, SITE, beacon, page_key
from tests.support.openapi import assert_described


@pytest.fixture
def core(shared_store: MongoStore) -> Core:
    return build_core(shared_store)


async def test_a_key_gets_its_burst_and_then_429_with_when_to_come_back(core: Core) -> None:
    # One token in 17 minutes: no test is slow enough to see it come.
    limits = ApiLimits(rate_limit_per_second=0.001, rate_limit_burst=3)
    async with serve(core, limits=limits) as url:
        user, other = await ApiUser.create(url, core), await ApiUser.create(url, core)
        replies = [await user.get("/v1/contacts") for _ in range(5)]

        assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
        assert [reply.headers["RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0", "0"]
        assert {reply.headers["RateLimit-Limit"] for reply in replies} == {"3"}
        assert all(int(reply.headers["RateLimit-Reset"]) > 0 for reply in replies)
        assert replies[3].code == "rate_limited"
        assert 900 < int(replies[3].headers["Retry-After"]) <= 1000
        assert_described("GET", "/v1/contacts", replies[3])
        assert (await other.get("/v1/contacts")).status == 200, "each key has its own"
        await user.close()
        await other.close()


async def test_every_authenticated_answer_says_what_is_left(core: Core) -> None:
    async with serve(core, limits=ApiLimits()) as url:
        user = await ApiUser.create(url, core)
        contact = await user.create_contact()
        paths: dict[str, Any] = {
            f"/v1/contacts/events/{contact['contact_id']}": 200,
            "/v1/contacts/ct_nobody": 404,
            "/v1/contacts?nothing=1": 400,
        }
        for path, status in paths.items():
            reply = await user.get(path)
            assert (reply.status, "RateLimit-Remaining" in reply.headers) == (status, True)
        key_of_nothing = await ApiUser.create(url, core, scopes=[])
        refused = await key_of_nothing.get("/v1/contacts")
        assert (refused.status, "RateLimit-Remaining" in refused.headers) == (403, True)
        stranger = ApiUser(user.http, "", "", "nonsense")
        assert "RateLimit-Limit" not in (await stranger.get("/v1/contacts")).headers
        await user.close()
        await key_of_nothing.close()


async def test_a_page_may_read_what_is_left_and_that_nothing_is(core: Core) -> None:
    async with serve(core, limits=ApiLimits(rate_limit_per_second=0.001, rate_limit_burst=1)) as url:
        user = await ApiUser.create(url, core)
        key = await page_key(core, user.tenant_id)
        for status, left in ((400, "0"), (429, "0")):
            reply = await beacon(user, key, {})
            assert (reply.status, reply.headers["RateLimit-Remaining"], reply.headers[CORS]) == (status, left, SITE)
        await user.close()


async def test_zero_switches_it_off(api: ApiUser) -> None:
    assert "RateLimit-Limit" not in (await api.get("/v1/contacts")).headers
