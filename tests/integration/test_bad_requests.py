"""Bad input gets a clear 4xx in the contract's form, repeats nothing dangerous, and is never a 500."""

import gzip
import io
import json
import re
from typing import Any

import aiohttp
import pytest
from aiohttp.http_parser import DeflateBuffer

from deploy.bootstrap import build_core
from schemas.scopes import Scope
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply

JSON = {"Content-Type": "application/json"}


def assert_error(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.body.get("code")) == (status, code), reply
    assert reply.body["status"] == "error"
    assert reply.body["error"].endswith(".")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", reply.body["timestamp"])
    assert reply.body["request_id"] == reply.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "malformed_json"),
        (b"{", "malformed_json"),
        (b'{"email": "a@example.com"}}', "malformed_json"),
        (b'{"email": "a@example.com", "email": "b@example.com"}', "malformed_json"),
        (b'{"email": "a@example.com", "properties": {"k": 1, "k": 2}}', "malformed_json"),
        (b'{"email": "a@example.com", "properties": {"k": NaN}}', "malformed_json"),
        (b'{"email": "a@example.com", "properties": {"k": -Infinity}}', "malformed_json"),
        (b'{"email": "\xff@example.com"}', "malformed_json"),
        (b"[" * 100_000, "malformed_json"),
        (b'{"email": "a@example.com", "properties": {"k": ' + b"9" * 5_000 + b"}}", "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b"[]", "validation_failed"),
        (b"null", "validation_failed"),
        (b'"text"', "validation_failed"),
        (b'{"email": "a@example.com", "properties": {"k": 9223372036854775808}}', "validation_failed"),
        (b'{"email": "a@example.com", "properties": {"k": 1e999}}', "validation_failed"),
        (b'{"email": "a@example.com", "properties": {"k": "\\ud800"}}', "validation_failed"),
        (b'{"email": "a@example.com", "properties": {"\\udfff": 1}}', "validation_failed"),
        (b'{"email": "a@example.com", "properties": {"a\\u0000b": 1}}', "validation_failed"),
        (b'{"email": "\\u0000a@example.com"}', "validation_failed"),
        (b'{"email": "a@example.com", "visitor_id": "v\\u0000"}', "validation_failed"),
    ],
)
async def test_bodies_that_are_no_good_json(api: ApiUser, raw: bytes, code: str) -> None:
    assert_error(await api.request("POST", "/v1/contacts", data=raw, headers=JSON), 400, code)


@pytest.mark.parametrize("raw", [b'{"erase": true, "limit": 1}', b"erase=true", b"[1]", b'"x"', b"{"])
async def test_what_stands_in_a_body_that_is_not_taken_is_not_ignored(api: ApiUser, raw: bytes) -> None:
    one = f"/v1/contacts/{(await api.create_contact())['contact_id']}"

    for method, path in (("DELETE", one), ("GET", one), ("GET", "/v1/contacts"), ("GET", f"{one}/notes")):
        reply = await api.request(method, path, data=raw, headers=JSON)
        assert_error(reply, 400, "validation_failed")
        names = ["erase", "limit"] if b"limit" in raw else [""]
        assert [detail["field"] for detail in reply.body["details"]] == names
    for nothing in (b"", b" ", b"{}"):
        assert (await api.request("GET", one, data=nothing, headers=JSON)).status == 200
    assert (await api.request("DELETE", one, data=b"{}", headers=JSON)).status == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": None}, "email"),
        ({"email": 7}, "email"),
        ({"email": ["a@example.com"]}, "email"),
        ({"email": {"$gt": ""}}, "email"),
        ({"email": "no address"}, "email"),
        ({"email": "a@localhost"}, "email"),
        ({"email": "a@example.com\r\nBcc: b@example.com"}, "email"),
        ({"email": f"{'a' * 400}@example.com"}, "email"),
        ({"properties": []}, "properties"),
        ({"properties": {"$where": "1"}}, "properties.$where"),
        ({"properties": {"a.b": 1}}, "properties.a.b"),
        ({"properties": {"": 1}}, "properties"),
        ({"properties": {"k" * 129: 1}}, f"properties.{'k' * 128}"),
        ({"properties": {"k": [[[[[1]]]]]}}, "properties.k[0][0][0][0]"),
        ({"properties": {f"k{n}": n for n in range(501)}}, "properties"),
        ({"properties": {"lifecyclestage": "boss"}}, "properties.lifecyclestage"),
        ({"properties": {"firstname": 7}}, "properties.firstname"),
        ({"properties": {"firstname": "x" * 1025}}, "properties.firstname"),
        ({"properties": {"email": "other@example.com"}}, "properties.email"),
        ({"properties": {"email": "no address"}}, "properties.email"),
        ({"visitor_id": 7}, "visitor_id"),
        ({"visitor_id": ["v", None]}, "visitor_id.1"),
        ({"visitor_id": [f"v-{n}" for n in range(101)]}, "visitor_id"),
        ({"visitor_id": "v" * 257}, "visitor_id.0"),
        ({"company_id": "co 1"}, "company_id"),
        ({"tenant_id": "other"}, "tenant_id"),
        ({"<script>": 1}, "\ufffdscript\ufffd"),
        ({"x" * 1000: 1}, "x" * 200),
    ],
)
async def test_fields_that_are_refused_are_named(api: ApiUser, fields: dict[str, Any], field: str) -> None:
    reply = await api.post("/v1/contacts", {"email": "bad-fields@example.com", **fields})

    assert_error(reply, 400, "validation_failed")
    assert field in [detail["field"] for detail in reply.body["details"]]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/identify", {"traits": {"email": "no address"}}, "traits.email"),
        ("/v1/identify", {"traits": {"email": None}}, "traits.email"),
        ("/v1/identify", {"anonymous_id": "v", "traits": {"lifecyclestage": "boss"}}, "traits.lifecyclestage"),
        ("/v1/identify", {"anonymous_id": "v", "traits": {"k": [[[[[1]]]]]}}, "traits.k[0][0][0][0]"),
        ("/v1/identify", {"anonymous_id": "v", "traits": {"": 1}}, "traits"),
        ("/v1/actions", {}, "type"),
        ("/v1/actions", {"type": "create_note"}, "params"),
        ("/v1/actions", {"type": "create_note", "params": {"contact_id": "ct_1", "content": ""}}, "params.content"),
        ("/v1/actions", {"type": "create_note", "params": {"contact_id": "ct_1", "content": "c"}, "x": 1}, "x"),
        (
            "/v1/actions",
            {"type": "update_contact", "params": {"contact_id": "ct_1", "properties": {"email": "no address"}}},
            "params.properties.email",
        ),
    ],
)
async def test_a_field_is_named_as_it_was_sent(api: ApiUser, path: str, body: dict[str, Any], field: str) -> None:
    reply = await api.post(path, body)

    assert_error(reply, 400, "validation_failed")
    assert field in [detail["field"] for detail in reply.body["details"]]
    assert f"validation: {field} " in reply.body["error"]


async def test_a_refused_value_is_not_repeated(api: ApiUser) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    for body in ({"email": hostile}, {"email": "a@example.com", "properties": {"lifecyclestage": hostile}}):
        reply = await api.post("/v1/contacts", body)
        assert reply.status == 400
        assert "onerror" not in json.dumps(reply.body)


async def test_largest_values_are_given_back_exactly(api: ApiUser) -> None:
    properties = {
        "max": 2**63 - 1,
        "min": -(2**63),
        "float": 1.5e308,
        "nul": "a\0b",
        "deep": [[[[1]]]],
        "emoji": "👩‍💻",
    }
    contact = await api.create_contact(properties=properties)

    read = await api.get(f"/v1/contacts/{contact['contact_id']}")
    assert {key: read.body["contact"]["properties"][key] for key in properties} == properties


async def test_a_body_of_two_megabytes_is_too_large(api: ApiUser) -> None:
    body = io.BytesIO(json.dumps({"email": "large@example.com", "properties": {"k": "x" * 2_000_000}}).encode())
    assert_error(await api.request("POST", "/v1/contacts", data=body, headers=JSON), 413, "body_too_large")


async def test_a_contact_over_256_kib_is_refused(api: ApiUser) -> None:
    body = {"email": "large@example.com", "properties": {"k": "x" * 300_000}}
    assert_error(await api.post("/v1/contacts", body), 400, "validation_failed")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_what_is_not_json_is_415(api: ApiUser, content_type: str) -> None:
    reply = await api.request("POST", "/v1/contacts", data=b"{}", headers={"Content-Type": content_type})
    assert_error(reply, 415, "not_json")


@pytest.mark.parametrize("unit", ["(", '"', ";", "a;", 'W/"1"', "a*0=;"])
async def test_a_long_content_type_is_415(api: ApiUser, unit: str) -> None:
    """aiohttp's parser takes half a second for some of them, and fails for others."""
    headers = {"Content-Type": "application/json; a=" + unit * (7_000 // len(unit))}
    assert_error(await api.request("POST", "/v1/contacts", data=b"{}", headers=headers), 415, "not_json")


async def test_so_many_faults_are_told_and_no_more(api: ApiUser) -> None:
    reply = await api.post("/v1/contacts", {f"k{n}": 1 for n in range(10_000)})
    assert_error(reply, 400, "validation_failed")
    assert len(reply.body["details"]) == 100
    assert "and 10000 more" in reply.body["error"]


@pytest.mark.parametrize("path", ["/v1/contacts", "/v1/track"])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip", "br", "evil"])
async def test_a_compressed_body_is_415(api: ApiUser, path: str, encoding: str) -> None:
    """Whatever it would become is not looked at: a megabyte may be a thousand of them."""
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    reply = await api.request("POST", path, data=gzip.compress(b'{"email": "small@example.com"}'), headers=headers)
    assert_error(reply, 415, "not_json")
    assert reply.headers["Accept-Encoding"] == "identity"


async def test_nobody_makes_the_api_decompress_anything(api: ApiUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key even, it would do nothing else for a second or two."""
    decompressed: list[Any] = []
    monkeypatch.setattr(DeflateBuffer, "feed_data", lambda *given: decompressed.append(given))
    headers = {**JSON, "Content-Encoding": "gzip", "Authorization": "Bearer nobody"}
    bomb = gzip.compress(b" " * 10_000_000)
    for path in ("/v1/contacts", "/v1/track", "/v1/webhooks/intercom/t", "/nowhere"):
        reply = await api.request("POST", path, data=bomb, headers=headers)
        assert reply.status in (401, 404)
    assert not decompressed


async def test_a_body_may_say_that_it_is_sent_as_it_is(api: ApiUser) -> None:
    headers = {**JSON, "Content-Encoding": "identity"}
    reply = await api.request("POST", "/v1/contacts", data=b'{"email": "plain@example.com"}', headers=headers)
    assert reply.status == 201


async def test_unknown_paths_methods_and_parameters(api: ApiUser) -> None:
    contact = await api.create_contact()
    timeline = f"/v1/contacts/events/{contact['contact_id']}"

    assert_error(await api.get("/v1/nothing"), 404, "not_found")
    assert_error(await api.request("TRACE", "/v1/auth/status"), 405, "method_not_allowed")
    assert_error(await api.get(f"{timeline}?limit=0"), 400, "validation_failed")
    assert_error(await api.get(f"{timeline}?limit=abc"), 400, "validation_failed")
    assert_error(await api.get(f"{timeline}?sort_dir=up"), 400, "validation_failed")
    assert_error(await api.get(f"{timeline}?sort_dir=asc&sort_dir=desc"), 400, "validation_failed")
    assert_error(await api.get(f"{timeline}?nothing=1"), 400, "validation_failed")
    assert_error(await api.get(f"{timeline}?cursor=abc"), 400, "validation_failed")
    assert_error(await api.get("/v1/contacts/events/ct_%00"), 404, "contact_not_found")
    assert_error(await api.get("/v1/contacts/ct_nobody"), 404, "contact_not_found")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer nonsense", "Bearer pbk_abc_def", "Bearer pbk_0_\u00e9"],
)
async def test_without_a_good_key_there_is_401(api: ApiUser, api_url: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with aiohttp.ClientSession(api_url) as http, http.get("/v1/auth/status", headers=headers) as response:
        body = await response.json()
        assert (response.status, body["code"]) in {(401, "missing_api_key"), (401, "invalid_api_key")}
        assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("text", ["pbk_\udcff_secret", "pbk_a\0_secret", "pbk_\u00e9_secret", "pbk__secret", "pbk_0_"])
async def test_what_looks_like_no_key_is_nobodys(shared_store: MongoStore, text: str) -> None:
    assert await build_core(shared_store).use_cases.access_keys.verify(text) is None


async def test_the_scheme_is_written_in_any_case(api: ApiUser) -> None:
    status = await api.get("/v1/auth/status", headers={"Authorization": f"bearer  {api.api_key} "})
    assert status.status == 200


async def test_a_key_with_a_wrong_secret_is_refused(api: ApiUser) -> None:
    api.api_key = api.api_key[:-1] + ("A" if api.api_key[-1] != "A" else "B")
    assert_error(await api.get("/v1/auth/status"), 401, "invalid_api_key")


async def test_a_missing_scope_is_named(new_user: Any) -> None:
    reader = await new_user(scopes=[Scope.CONTACTS_READ])
    reply = await reader.post("/v1/contacts", {"email": "a@example.com"})

    assert_error(reply, 403, "scope_missing")
    assert "contacts:write" in reply.body["error"]
    no_scopes = await new_user(scopes=[])
    assert_error(await no_scopes.get("/v1/contacts/ct_1"), 403, "scope_missing")
    assert_error(await no_scopes.get("/v1/contacts/events/ct_1"), 403, "scope_missing")
    assert_error(await no_scopes.get("/v1/contacts?nothing=1"), 403, "scope_missing")
    assert (await no_scopes.get("/v1/auth/status")).body["scopes"] == []


async def test_a_revoked_key_is_refused_at_once(api: ApiUser, shared_store: Any) -> None:
    status = await api.get("/v1/auth/status")
    assert status.body["authenticated"] is True
    assert status.body["auth_type"] == "api_key"
    assert status.body["user"]["tenant_id"] == api.tenant_id
    await shared_store.api_keys.revoke(status.body["key_id"], (await shared_store.api_keys.get(api.key_id)).created_at)
    assert_error(await api.get("/v1/auth/status"), 401, "invalid_api_key")


async def test_a_well_formed_request_id_is_kept_and_any_other_replaced(api: ApiUser) -> None:
    kept = await api.get("/v1/auth/status", headers={"X-Request-Id": "trace-42.a"})
    replaced = await api.get("/v1/auth/status", headers={"X-Request-Id": "has space <b>"})

    assert kept.headers["X-Request-Id"] == "trace-42.a"
    assert replaced.headers["X-Request-Id"].startswith("req_")
