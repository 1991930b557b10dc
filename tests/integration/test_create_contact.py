"""POST /v1/contacts and GET /v1/contacts/:id."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.support.api import ApiUser


async def test_a_contact_is_created_and_read_back(api: ApiUser) -> None:
    reply = await api.post(
        "/v1/contacts",
        {
            "email": " Ada@Example.com ",
            "properties": {"firstname": "Ada", "score": 7, "gone": None},
            "visitor_id": "v-1",
            "company_id": "co_1",
        },
    )

    assert reply.status == 201
    assert reply.body["status"] == "success"
    contact = reply.body["contact"]
    assert contact["contact_id"].startswith("ct_")
    assert contact["_id"] == contact["contact_id"]
    assert contact["email"] == "ada@example.com"
    assert contact["properties"] == {"firstname": "Ada", "score": 7, "email": "ada@example.com"}
    assert contact["visitor_ids"] == ["v-1"]
    assert contact["associations"] == {"companies": ["co_1"]}
    assert contact["enrichment_status"] == "not_enriched"
    assert contact["creation_source"] == "api"
    assert contact["version"] == 1
    assert reply.headers["ETag"] == '"1"'
    read = await api.get(f"/v1/contacts/{contact['contact_id']}")
    assert read.body["contact"] == contact
    assert [event["event"] for event in read.body["events"]] == ["contact_created"]


async def test_fifty_at_once_with_one_address_make_one_contact(api: ApiUser) -> None:
    replies = await asyncio.gather(*(api.post("/v1/contacts", {"email": "same@example.com"}) for _ in range(50)))

    assert Counter(reply.status for reply in replies) == {201: 1, 409: 49}
    created = next(reply.body["contact"] for reply in replies if reply.status == 201)
    refused = [reply.body for reply in replies if reply.status == 409]
    assert {body["code"] for body in refused} == {"email_taken"}
    assert {body["contact_id"] for body in refused} == {created["contact_id"]}


async def test_an_address_is_unique_whatever_its_case_and_only_within_a_tenant(api: ApiUser, new_user: Any) -> None:
    await api.create_contact("Grace@Example.com")

    assert (await api.post("/v1/contacts", {"email": "gRACE@example.COM"})).code == "email_taken"
    await (await new_user()).create_contact("grace@example.com")


async def test_a_visitor_id_belongs_to_one_contact(api: ApiUser) -> None:
    first = await api.create_contact(visitor_id=["v-1", "v-2", "v-1"])

    assert first["visitor_ids"] == ["v-1", "v-2"]
    reply = await api.post("/v1/contacts", {"email": "other@example.com", "visitor_id": "v-2"})
    assert (reply.status, reply.code) == (409, "visitor_id_taken")
    assert reply.body["contact_id"] == first["contact_id"]
    # All or nothing: the refused contact's address is still free.
    await api.create_contact("other@example.com")


async def test_racing_creations_that_share_a_visitor_id_make_one_contact(api: ApiUser) -> None:
    bodies = [{"email": f"racer{n}@example.com", "visitor_id": ["v-shared", f"v-{n}"]} for n in range(20)]
    replies = await asyncio.gather(*(api.post("/v1/contacts", body) for body in bodies))

    assert Counter(reply.status for reply in replies) == {201: 1, 409: 19}


@pytest.mark.parametrize(
    "junk", ["", "  ", "null", "UNDEFINED", "anonymous", "0", "-1", "000-000", '"null"', "[object Object]"]
)
async def test_junk_visitor_ids_are_refused(api: ApiUser, junk: str) -> None:
    reply = await api.post("/v1/contacts", {"email": "junk@example.com", "visitor_id": junk})

    assert (reply.status, reply.code) == (400, "validation_failed")
    assert reply.body["details"][0]["field"].startswith("visitor_id")


async def test_another_tenants_contact_is_not_there(api: ApiUser, new_user: Any) -> None:
    contact = await api.create_contact()
    stranger = await new_user()

    for path in (f"/v1/contacts/{contact['contact_id']}", f"/v1/contacts/events/{contact['contact_id']}"):
        reply = await stranger.get(path)
        assert (reply.status, reply.code) == (404, "contact_not_found")
