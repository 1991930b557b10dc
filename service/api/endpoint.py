"""An endpoint says everything about itself once: path, scope, models, and what it does.

The same description routes, guards, validates and (later) documents.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel

from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.access.model import ApiKey
from service.api.errors import RequestRefusedError
from service.api.keys import REQUEST_ID, USE_CASES, UseCases
from service.api.validation import read_body, read_query
from service.contacts.context import Caller


class NoQuery(BaseModel):
    """A route without query parameters."""

    model_config = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated, validated request."""

    request: web.Request
    use_cases: UseCases
    key: ApiKey
    query: Any
    body: Any

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return Caller(self.key.tenant_id, self.key.key_id, self.request[REQUEST_ID])

    @property
    def tenant_id(self) -> str:
        """The key's tenant: the only one this call may see."""
        return self.key.tenant_id


Handle = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `scope` None means: any valid key."""

    method: str
    path: str
    scope: Scope | None
    handle: Handle
    summary: str
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None

    def route(self) -> web.RouteDef:
        """The route as aiohttp knows it."""
        return web.route(self.method, self.path, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        use_cases = request.app[USE_CASES]
        key = await _authenticate(request, use_cases)
        if self.scope is not None and self.scope not in key.scopes:
            sentence = f"This API key lacks the scope {self.scope.value}; use a key that has it."
            raise RequestRefusedError(403, ErrorCode.SCOPE_MISSING, sentence)
        query = read_query(request, self.query)
        body = await read_body(request, self.body) if self.body else None
        return await self.handle(Call(request, use_cases, key, query, body))


async def _authenticate(request: web.Request, use_cases: UseCases) -> ApiKey:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    challenge = {"WWW-Authenticate": "Bearer"}
    if scheme.lower() != "bearer" or not token.strip():
        sentence = "Send an API key: Authorization: Bearer <api key>."
        raise RequestRefusedError(401, ErrorCode.MISSING_API_KEY, sentence, headers=challenge)
    key = await use_cases.access_keys.verify(token.strip())
    if key is None:
        sentence = "This API key is unknown or revoked; ask for a new one."
        raise RequestRefusedError(401, ErrorCode.INVALID_API_KEY, sentence, headers=challenge)
    structlog.contextvars.bind_contextvars(tenant_id=key.tenant_id, key_id=key.key_id)
    return key


def success(status: int = 200, headers: dict[str, str] | None = None, **fields: object) -> web.Response:
    """A success body: `"status": "success"`, then the fields."""
    return web.Response(
        status=status,
        body=orjson.dumps({"status": "success", **fields}),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
