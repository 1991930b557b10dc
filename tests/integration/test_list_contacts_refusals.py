"""What GET /v1/contacts refuses, and what it takes literally."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from yarl import URL

from deploy.bootstrap import build_core
from service.mongo.bulk_load import MongoBulkLoad
from service.mongo.store import MongoStore
from tests.integration.test_list_contacts import ADA, counted, listed, some_contacts
from tests.support.api import ApiUser, Reply, serve
from tests.support.tracker_fixtures import hostile_strings


def refused(reply: Reply) -> str:
    """The field that a 400 names."""
    assert (reply.status, reply.code) == (400, "validation_failed"), reply
    return str(reply.body["details"][0]["field"])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("page=abc", "page"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=1001&limit=100", "page"),
        ("page=99999999999999999999", "page"),
        ("status=rich", "status"),
        ("lifecycle_stage=Lead", "lifecycle_stage"),
        ("country=", "country"),
        ("job_title=" + "x" * 1025, "job_title"),
        ("has_linkedin=maybe", "has_linkedin"),
        ("company_id=a%20b", "company_id"),
        ("created_after=yesterday", "created_after"),
        ("created_before=1700000000", "created_before"),
        ("created_before=2026-13-01", "created_before"),
        ("search=", "search"),
        ("search=%20%E2%80%8B", "search"),
        ("search=" + "x" * 201, "search"),
        ("search=a+b+c+d+e+f+g+h+i+j+k", "search"),
        ("sort_by=phone", "sort_by"),
        ("sort_dir=up", "sort_dir"),
        ("count_only=perhaps", "count_only"),
        ("fields=all", "fields"),
        ("cursor=", "cursor"),
        ("cursor=xyz", "cursor"),
        ("cursor=" + "A" * 9000, "cursor"),
        ("offset=5", "offset"),
        ("$where=1", "$where"),
        ("country[$ne]=GB", "country[$ne]"),
        ("country=GB&country=FR", "country"),
    ],
)
async def test_a_parameter_that_is_not_understood_is_named(api: ApiUser, query: str, field: str) -> None:
    reply = await api.get(URL(f"/v1/contacts?{query}", encoded=True))

    if len(query) > 8190:
        assert reply.status == 400
    else:
        assert refused(reply) == field


async def test_a_cursor_is_good_for_its_own_filters_and_sort_only(api: ApiUser) -> None:
    await some_contacts(api, 3)
    params: dict[str, Any] = {"limit": 1, "search": "c", "created_after": "2020-01-01", "sort_dir": "asc"}
    cursor = (await api.get("/v1/contacts", params=params)).body["pagination"]["next_cursor"]

    assert await listed(api, **{**params, "cursor": cursor, "limit": 2, "fields": "summary"}) == [
        "c1@example.com",
        "c2@example.com",
    ]
    for change in ({"search": "c1"}, {"sort_dir": "desc"}, {"sort_by": "email"}, {"country": "GB"}):
        reply = await api.get("/v1/contacts", params={**params, "cursor": cursor, **change})
        assert refused(reply) == "cursor"
    without = await api.get("/v1/contacts", params={"cursor": cursor})
    assert refused(without) == "cursor"
    both = await api.get("/v1/contacts", params={**params, "cursor": cursor, "page": 1})
    assert refused(both) == "page"


async def test_a_cursor_that_was_changed_is_refused_or_harmless(api: ApiUser, new_user: Any) -> None:
    await some_contacts(api, 3)
    cursor = (await api.get("/v1/contacts", params={"limit": 1})).body["pagination"]["next_cursor"]
    text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()

    changed = [cursor[:cut] for cut in range(0, len(cursor), 7)]
    changed += [cursor[:place] + "!" + cursor[place + 1 :] for place in range(0, len(cursor), 7)]
    changed += [
        urlsafe_b64encode(text.replace(a, b).encode()).decode() for a, b in (("[", "{"), ('"ct_', '{"$gt":"ct_'))
    ]
    for one in changed:
        assert refused(await api.get("/v1/contacts", params={"cursor": one})) == "cursor"
    # Another tenant's cursor is a position in one's own list, and nothing else.
    stranger = await new_user()
    assert await listed(stranger, cursor=cursor) == []


HOSTILE = [
    ".*",
    "^",
    "$where",
    "\\",
    "\\Q.*\\E",
    "a\0b",
    "[object Object]",
    "' OR 1=1 --",
    '{"$gt": ""}',
    "🦆👩‍👩‍👧",
    "שלום עולם",
    "\u202eabc",
    "ﷺ" * 60,
    "(" * 200,
    "(a+)+$",
    "|",
    "%",
    "\U0010ffff",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_mean_themselves(api: ApiUser, text: str) -> None:
    await api.create_contact("other@example.net", properties={"firstname": "Other", "country": "GB", "jobtitle": "a"})
    await api.create_contact(
        "it@example.org", properties={"company": f"x {text} y", "country": text, "jobtitle": text, "city": text}
    )

    for filters in ({"search": text}, {"country": text}, {"job_title": text}, {"city": text, "sort_by": "company"}):
        assert await listed(api, **filters) == ["it@example.org"]
        assert await counted(api, **filters) == 1


async def test_every_naughty_string_is_an_answer_or_a_clear_refusal(api: ApiUser) -> None:
    strings = [text for text in hostile_strings() if text]
    await api.create_contact("ada@example.com", properties=ADA)
    for text in strings:
        for name in ("search", "state", "job_title", "cursor", "created_after", "company_id"):
            reply = await api.get("/v1/contacts", params={name: text})
            assert reply.status in (200, 400), (name, text, reply)
            if reply.status == 400:
                assert refused(reply) == name
            elif name in ("state", "job_title"):
                assert reply.body["contacts"] == []


@pytest.mark.parametrize("raw", ["%ED%A0%80", "%FF", "%00", "%C0%AF", "a%ED%B0%80b", "%F4%90%80%80"])
@pytest.mark.parametrize("name", ["search", "country", "job_title", "sort_by", "cursor", "x"])
async def test_bytes_that_are_no_text_do_no_harm(api: ApiUser, name: str, raw: str) -> None:
    reply = await api.get(URL(f"/v1/contacts?{name}={raw}", encoded=True))

    assert reply.status in (200, 400), reply
    if reply.status == 200:
        assert reply.body["contacts"] == []


async def test_while_indexes_are_being_built_lists_are_to_be_asked_for_again(store: MongoStore) -> None:
    core = build_core(store)
    async with serve(core) as url:
        user = await ApiUser.create(url, core)
        try:
            await MongoBulkLoad(store).drop_indexes()
            reply = await user.get("/v1/contacts")
            assert (reply.status, reply.code) == (503, "store_unavailable")
            assert reply.headers["Retry-After"]
            await MongoBulkLoad(store).build_indexes()
            assert (await user.get("/v1/contacts")).status == 200
        finally:
            await user.close()
