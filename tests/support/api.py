"""The API as its clients see it."""

import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from deploy.bootstrap import Core
from schemas.scopes import Scope
from service.api.app import create_app
from service.api.limits import ApiLimits
from service.api.server import set_up
from service.clock import system_clock
from service.ops.health import Checks

NO_RATE_LIMIT = ApiLimits(rate_limit_per_second=0)


@asynccontextmanager
async def serve(core: Core, limits: ApiLimits = NO_RATE_LIMIT) -> AsyncIterator[str]:
    """The API on a free loopback port."""
    app = create_app(core.use_cases, Checks({"mongodb": core.store.ping}), system_clock, limits)
    runner = await set_up(app, shutdown_seconds=1.0)
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Any
    body: Any

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["code"])


class ApiUser:
    """A client with one API key."""

    def __init__(self, http: aiohttp.ClientSession, tenant_id: str, key_id: str, api_key: str) -> None:
        self.http = http
        self.tenant_id = tenant_id
        self.key_id = key_id
        self.api_key = api_key

    @classmethod
    async def create(
        cls, url: str, core: Core, tenant_id: str | None = None, scopes: Iterable[Scope] | None = None
    ) -> "ApiUser":
        """A key in a tenant, a new one unless given."""
        tenant = tenant_id or f"tenant-{uuid.uuid4().hex[:12]}"
        granted = frozenset(Scope if scopes is None else scopes)
        key, text = await core.use_cases.access_keys.issue(tenant, "test", granted)
        return cls(aiohttp.ClientSession(url), tenant, key.key_id, text)

    async def close(self) -> None:
        """Close its connections."""
        await self.http.close()

    async def request(self, method: str, path: str | URL, **given: Any) -> Reply:
        """One request with the key; every JSON body is read."""
        headers = {"Authorization": f"Bearer {self.api_key}", **given.pop("headers", {})}
        async with self.http.request(method, path, headers=headers, **given) as response:
            is_json = response.content_type == "application/json"
            body = await (response.json() if is_json else response.read())
            return Reply(response.status, response.headers, body)

    async def get(self, path: str | URL, **given: Any) -> Reply:
        """GET."""
        return await self.request("GET", path, **given)

    async def post(self, path: str, json: Any = None, **given: Any) -> Reply:
        """POST."""
        return await self.request("POST", path, json=json, **given)

    async def create_contact(self, email: str | None = None, **fields: Any) -> dict[str, Any]:
        """A new contact, which must be accepted."""
        body = {"email": email or f"{uuid.uuid4().hex}@example.com", **fields}
        reply = await self.post("/v1/contacts", body)
        assert reply.status == 201, reply
        contact: dict[str, Any] = reply.body["contact"]
        return contact

    async def events(self, contact_id: str, **params: Any) -> list[dict[str, Any]]:
        """A contact's timeline."""
        reply = await self.get(f"/v1/contacts/events/{contact_id}", params=params)
        assert reply.status == 200, reply
        events: list[dict[str, Any]] = reply.body["events"]
        return events
