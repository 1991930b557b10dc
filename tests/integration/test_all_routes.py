"""Every route, through 401, 403, 400 and success; and every route with another tenant's ids.

A route without a row in TABLE fails here: whoever adds one says how it is asked well, and how for
what is another tenant's.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.scopes import Scope
from service.api.access import INTERCOM_SIGNATURE
from service.api.app import ENDPOINTS
from service.api.endpoint import Endpoint
from service.api.validation import ANY_TYPE
from service.mongo.store import MongoStore
from tests.support.api import ApiUser, Reply
from tests.support.openapi import assert_described
from tests.support.worlds import World, make_world

Make = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """How a route is asked well (`body`), and how for another tenant's data: in the query, and in the body.

    What is asked of another's in a body may also be refused, with one of `refused`.
    """

    body: Make | None = None
    foreign_queries: tuple[Make, ...] = ()
    foreign_bodies: tuple[Make, ...] = ()
    refused: frozenset[int] = field(default_factory=frozenset)


def _stage(world: World) -> dict[str, Any]:
    return {
        "type": "update_lifecycle_stage",
        "params": {"contact_id": world.contact_id, "lifecycle_stage": "lead", "reason": "Why not."},
    }


def _note_action(world: World) -> dict[str, Any]:
    return {"type": "create_note", "params": {"contact_id": world.contact_id, "content": "A note."}}


def _ids(world: World) -> dict[str, Any]:
    return {"contact_ids": [world.contact_id]}


TABLE: dict[str, Row] = {
    "GET /v1/auth/status": Row(),
    "POST /v1/contacts": Row(
        body=lambda world: {"email": f"new-{world.email}"},
        # Addresses, visitor ids and companies of others are simply free here.
        foreign_bodies=(
            lambda world: {"email": world.email, "visitor_id": world.visitor_id, "company_id": world.told["co"]},
        ),
    ),
    "GET /v1/contacts": Row(
        foreign_queries=(
            lambda _: {},
            lambda world: {"company_id": world.told["co"]},
            lambda world: {"country": world.told["country"]},
            lambda world: {"search": world.email},
            lambda world: {"cursor": world.cursors["/v1/contacts"]},
        )
    ),
    "GET /v1/contacts/{contact_id}": Row(),
    "PUT /v1/contacts/{contact_id}": Row(
        body=lambda _: {"properties": {"city": "London"}},
        foreign_bodies=(
            lambda world: {"visitor_id": world.visitor_id, "company_id": world.told["co"]},
            lambda world: {"properties": {"email": world.email}},
        ),
    ),
    "DELETE /v1/contacts/{contact_id}": Row(),
    "GET /v1/contacts/events/{contact_id}": Row(
        foreign_queries=(lambda world: {"limit": 1, "cursor": world.cursors["/v1/events"]},)
    ),
    "GET /v1/contacts/{contact_id}/conversations": Row(foreign_queries=(lambda _: {"include_messages": "true"},)),
    "GET /v1/contacts/{contact_id}/email-threads": Row(),
    "GET /v1/contacts/{contact_id}/notes": Row(
        foreign_queries=(lambda world: {"limit": 1, "cursor": world.cursors["/v1/events"]},)
    ),
    "POST /v1/contacts/{contact_id}/notes": Row(body=lambda _: {"content": "A note."}),
    "PATCH /v1/contacts/{contact_id}/notes/{note_id}": Row(body=lambda _: {"content": "Another note."}),
    "DELETE /v1/contacts/{contact_id}/notes/{note_id}": Row(),
    "GET /v1/events": Row(
        foreign_queries=(
            lambda _: {},
            lambda world: {"contact_id": world.contact_id},
            lambda world: {"search": world.told["title"]},
            lambda world: {"url_contains": "www.example.com"},
            lambda world: {"cursor": world.cursors["/v1/events"]},
        )
    ),
    "GET /v1/events/types": Row(),
    "POST /v1/batch/details": Row(body=_ids, foreign_bodies=(_ids,)),
    "POST /v1/batch/activity": Row(body=_ids, foreign_bodies=(_ids,)),
    "GET /v1/actions": Row(foreign_queries=(lambda _: {}, lambda world: {"contact_id": world.contact_id})),
    "POST /v1/actions": Row(body=_stage, foreign_bodies=(_stage, _note_action), refused=frozenset({404})),
    "GET /v1/actions/{action_id}": Row(),
    "POST /v1/identify": Row(
        body=lambda world: {"external_id": "user-1", "traits": {"email": world.email}},
        foreign_bodies=(
            lambda world: {"anonymous_id": world.visitor_id},
            lambda world: {"anonymous_id": world.visitor_id, "traits": {"email": world.email}},
        ),
    ),
    "POST /v1/track": Row(
        body=lambda world: {"events": [{"event": "page_view", "visitorId": world.visitor_id}]},
        # Visitor ids of others are simply free here.
        foreign_bodies=(lambda world: {"events": [{"event": "page_view", "visitorId": world.visitor_id}]},),
    ),
    "POST /v1/webhooks/intercom/{tenant}": Row(
        body=lambda world: {"type": "notification_event", "data": {"item": {"type": "ping", "id": world.told["text"]}}},
    ),
}
NAMES = {f"{endpoint.method} {endpoint.path}": endpoint for endpoint in ENDPOINTS}
every_route = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
async def worlds(new_user: Any, shared_store: MongoStore) -> tuple[World, World]:
    """Mine and theirs."""
    return await make_world(await new_user(), shared_store), await make_world(await new_user(), shared_store)


def test_every_route_has_a_row() -> None:
    assert set(TABLE) == set(NAMES)
    for name, endpoint in NAMES.items():
        assert (TABLE[name].body is not None) == (endpoint.body is not None), name


async def ask(user: ApiUser, endpoint: Endpoint, path: str, secret: str = "", **given: Any) -> Reply:
    """One request, whose answer must be one that the description allows; signed with `secret` where that is the way."""
    if endpoint.access is INTERCOM_SIGNATURE:
        given = signed(secret, given)
    reply = await user.request(endpoint.method, path, **given)
    assert_described(endpoint.method, endpoint.path, reply)
    return reply


def signed(secret: str, given: dict[str, Any]) -> dict[str, Any]:
    body = given["data"] if "data" in given else json.dumps(given["json"])
    raw = body.encode() if isinstance(body, str) else body
    signature = f"sha1={hmac.new(secret.encode(), raw, hashlib.sha1).hexdigest()}"
    headers = {"Content-Type": "application/json", **given.get("headers", {}), "X-Hub-Signature": signature}
    return {"params": given.get("params"), "data": raw, "headers": headers}


@every_route
async def test_from_401_to_success(worlds: tuple[World, World], new_user: Any, name: str) -> None:
    mine, endpoint, row = worlds[0], NAMES[name], TABLE[name]
    path, secret = mine.path(endpoint.path), mine.webhook_secret
    good: dict[str, Any] = {"json": row.body(mine)} if row.body else {}

    stranger = ApiUser(mine.user.http, "", "", "pbk_0000000000000000_nobody")
    unknown = "invalid_signature" if endpoint.access is INTERCOM_SIGNATURE else "invalid_api_key"
    assert (await ask(stranger, endpoint, path, **good)).code == unknown
    if endpoint.scope:
        others = [scope for scope in Scope if scope is not endpoint.scope]
        refused = await ask(await new_user(mine.user.tenant_id, others), endpoint, path, **good)
        assert (refused.status, refused.code) == (403, "scope_missing")
        assert endpoint.scope.value in refused.body["error"]
    for bad in badly(endpoint, good):
        refused = await ask(mine.user, endpoint, path, secret, **bad)
        assert refused.status in (400, 415), (name, bad, refused)
    allowed = [endpoint.scope] if endpoint.scope else []
    reply = await ask(await new_user(mine.user.tenant_id, allowed), endpoint, path, secret, **good)
    assert reply.status == endpoint.status, reply


def badly(endpoint: Endpoint, good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each way to ask this route badly that any route of its kind has."""
    yield {**good, "params": {"nothing": "1"}}
    for parameter in endpoint.query.model_fields:
        yield {**good, "params": [(parameter, "a"), (parameter, "b")]}
    if "limit" in endpoint.query.model_fields:
        yield {**good, "params": {"limit": "0"}}
    if endpoint.body:
        if endpoint.access is not INTERCOM_SIGNATURE:  # whose bodies may have any field
            yield {"json": {**good["json"], "nothing": 1}}
        yield {"json": []}
        yield {"data": b"{", "headers": {"Content-Type": "application/json"}}
        if not {"text/plain", ANY_TYPE} & set(endpoint.consumes):
            yield {"data": json.dumps(good["json"]), "headers": {"Content-Type": "text/plain"}}
    if endpoint.method == "POST":
        yield {**good, "headers": {"Idempotency-Key": "not visible"}}
    if endpoint.if_match:
        yield {**good, "headers": {"If-Match": "three"}}


@every_route
async def test_nothing_of_another_tenant_is_seen_or_changed(worlds: tuple[World, World], name: str) -> None:
    (mine, theirs), endpoint, row = worlds, NAMES[name], TABLE[name]
    before = await everything_of(theirs)
    body = row.body(mine) if row.body else None

    for path in paths_with_foreign_ids(endpoint, mine, theirs):
        reply = await ask(mine.user, endpoint, path, mine.webhook_secret, json=body)
        # Another's secret is needed to be heard at another's door.
        assert reply.status == (401 if endpoint.access is INTERCOM_SIGNATURE else 404), (path, reply)
        assert not theirs.leaks((reply.body, dict(reply.headers)), path)
    for make in row.foreign_queries:
        params = make(theirs)
        reply = await ask(mine.user, endpoint, mine.path(endpoint.path), params=params, json=body)
        assert reply.status in (200, 400), reply
        assert not theirs.leaks((reply.body, dict(reply.headers)), params)
    said = []
    for make in row.foreign_bodies:
        asked = make(theirs)
        said.append(asked)
        reply = await ask(mine.user, endpoint, mine.path(endpoint.path), json=asked)
        assert reply.status in ({endpoint.status} if not row.refused else row.refused), reply
        assert not theirs.leaks((reply.body, dict(reply.headers)), said)
        if "contact_ids" in asked:
            assert [] in reply.body.values(), "another's contacts are left out"

    assert await everything_of(theirs) == before


def paths_with_foreign_ids(endpoint: Endpoint, mine: World, theirs: World) -> list[str]:
    """The route's paths with one, several or all of another's ids in them."""
    names = [name for name in mine.ids if f"{{{name}}}" in endpoint.path]
    mixes = [{**mine.ids, name: theirs.ids[name]} for name in names] + ([theirs.ids] if names else [])
    return list(dict.fromkeys(endpoint.path.format(**mix) for mix in mixes))


async def everything_of(world: World) -> list[Any]:
    """All that its owner can read."""
    paths = [
        f"/v1/contacts/{world.contact_id}",
        f"/v1/contacts/{world.contact_id}/notes",
        f"/v1/contacts/{world.contact_id}/conversations",
        "/v1/contacts",
        "/v1/events",
        "/v1/actions",
    ]
    replies = [await world.user.get(path) for path in paths]
    assert all(reply.status == 200 for reply in replies)
    return [reply.body for reply in replies]


async def test_erasing_needs_a_scope_of_its_own(worlds: tuple[World, World], new_user: Any) -> None:
    mine, theirs = worlds
    endpoint = NAMES["DELETE /v1/contacts/{contact_id}"]
    erase: dict[str, Any] = {"params": {"erase": "true"}}
    no_erasures: tuple[dict[str, Any], ...] = ({}, {"params": {"erase": "false"}})
    path, tenant = mine.path(endpoint.path), mine.user.tenant_id
    others = [scope for scope in Scope if scope is not Scope.CONTACTS_ERASE]
    refused = await ask(await new_user(tenant, others), endpoint, path, **erase)
    assert (refused.status, refused.code) == (403, "scope_missing")
    assert "contacts:erase" in refused.body["error"]
    eraser = await new_user(tenant, [Scope.CONTACTS_ERASE])
    for no_erasure in no_erasures:
        refused = await ask(eraser, endpoint, path, **no_erasure)
        assert (refused.status, refused.code) == (403, "scope_missing")
        assert "contacts:write" in refused.body["error"]
    assert (await ask(eraser, endpoint, path, params={"erase": "perhaps"})).code == "validation_failed"
    assert (await ask(eraser, endpoint, path, headers={"If-Match": '"99"'}, **erase)).code == "precondition_failed"

    before = await everything_of(theirs)
    assert (await ask(eraser, endpoint, theirs.path(endpoint.path), **erase)).code == "contact_not_found"
    assert await everything_of(theirs) == before
    assert (await ask(eraser, endpoint, path, **erase)).status == 200
    assert (await ask(eraser, endpoint, path, **erase)).code == "contact_not_found"
