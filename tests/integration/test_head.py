"""HEAD: the headers that GET would have, and not a byte more, so that the next answer on the connection is the next."""

import asyncio
from typing import Any

import pytest
from yarl import URL

from service.api.app import ENDPOINTS
from service.mongo.store import MongoStore
from tests.support.api import ApiUser
from tests.support.worlds import make_world

READS = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"]


async def answer(user: ApiUser, url: str, method: str, path: str) -> tuple[bytes, bytes]:
    """Everything that comes: its head, and what is behind it."""
    reader, writer = await asyncio.open_connection(URL(url).host, URL(url).port)
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", f"Authorization: Bearer {user.api_key}"]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _, behind = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, behind


@pytest.mark.parametrize("path", [*READS, "/v1/contacts/{contact_id}/conversations?include_messages=true"])
async def test_head_has_no_body(new_user: Any, api_url: str, shared_store: MongoStore, path: str) -> None:
    world = await make_world(await new_user(), shared_store)
    route, _, query = path.partition("?")
    asked = f"{world.path(route)}?{query}"

    head, behind = await answer(world.user, api_url, "HEAD", asked)

    assert head.startswith(b"HTTP/1.1 200")
    assert b"Content-Type: application/json" in head
    assert behind == b""
    assert (await answer(world.user, api_url, "GET", asked))[1]
