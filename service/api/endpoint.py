"""An endpoint says everything about itself once: path, scope, models, and what it does.

The same description routes, guards, validates and documents (`service.api.openapi`).
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel

from schemas.answers import Success
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.access.model import ApiKey
from service.api.access import API_KEY, Access
from service.api.app_keys import ANSWER_HEADERS, DEADLINE, REQUEST_ID, TRACEPARENT, USE_CASES, UseCases
from service.api.errors import RETRY_AFTER_SECONDS, RequestRefusedError
from service.api.limits import LIMITS, RATE_LIMITER
from service.api.validation import JSON_ONLY, Parameters, read_body, read_query, refuse_body
from service.contacts.context import Caller
from service.errors import ContactsError
from service.idempotency.model import Answer, Once, OnceKey

_TOO_LATE = "This took too long. A change may still be made: ask again, with the same Idempotency-Key if it had one."
_log = structlog.get_logger(__name__)
_changes: set[asyncio.Task[web.StreamResponse]] = set()  # asyncio itself keeps no reference to a task
IDEMPOTENCY_KEY_PATTERN = r"[\x21-\x7e]{1,255}"
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)


Render = Callable[[Any], web.Response]


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated, validated request. `once` is there if it has an `Idempotency-Key`."""

    request: web.Request
    use_cases: UseCases
    key: ApiKey
    query: Any
    body: Any
    once: OnceKey | None

    def caller(self, render: Render | None = None) -> Caller:
        """Who asks. `render` makes the answer of what the use-case remembers in its transaction."""
        kept = Once(self.once, lambda result: _kept(render(result))) if self.once and render else None
        request = self.request
        return Caller(self.key.tenant_id, self.key.key_id, request[REQUEST_ID], kept, request[TRACEPARENT])

    @property
    def tenant_id(self) -> str:
        """The key's tenant: the only one this call may see."""
        return self.key.tenant_id

    def part(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]


Handle = Callable[[Call], Coroutine[Any, Any, web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `scope` None means: whoever `access` lets in.

    `flagged` is a flag in the query, and the scope that is needed instead where it is set.
    `consumes` are the media types that a body may have. `answer` is the shape of a success with `status`, and `headers`
    what it has beside the common ones. `errors` are the codes that follow neither from access, the path's ids, query,
    body nor method.
    """

    method: str
    path: str
    scope: Scope | None
    handle: Handle
    summary: str
    query: type[Parameters] = Parameters
    body: type[BaseModel] | None = None
    answer: type[BaseModel] = Success
    status: int = 200
    headers: tuple[str, ...] = ()
    errors: tuple[ErrorCode, ...] = ()
    if_match: bool = False
    access: Access = API_KEY
    consumes: tuple[str, ...] = JSON_ONLY
    flagged: tuple[str, Scope] | None = None

    def route(self) -> web.RouteDef:
        """The route as aiohttp knows it."""
        return web.route(self.method, self.path, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        deadline = asyncio.timeout(request.app[LIMITS].request_timeout_seconds)
        request[DEADLINE] = deadline
        try:
            async with deadline:
                return await self._answer(request)
        except TimeoutError:
            if not deadline.expired():
                raise
            raise _too_late(request) from None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        use_cases = request.app[USE_CASES]
        key = await self.access.authenticate(request, use_cases)
        _limit_rate(request, key)
        scope = self._needed(request)
        if scope is not None and scope not in key.scopes:
            sentence = f"This API key lacks the scope {scope.value}; use a key that has it."
            raise RequestRefusedError(403, ErrorCode.SCOPE_MISSING, sentence)
        query = read_query(request, self.query)
        once = await _once_key(request, key) if self.method == "POST" else None
        if once is not None:
            first = await use_cases.answers.find(once)
            if first is not None:
                return _again(first)
        body = await (read_body(request, self.body, self.consumes) if self.body else refuse_body(request))
        call = Call(request, use_cases, key, query, body, once)
        work = self.handle(call) if once is None else self._handle_once(call, once)
        return await work if self.method == "GET" else await _to_the_end(work)

    def _needed(self, request: web.Request) -> Scope | None:
        """The scope for this request. What the flag is set to is for the query's model to say."""
        if self.flagged is not None and self.flagged[0] in request.query:
            name, scope = self.flagged
            return scope if getattr(read_query(request, self.query), name) else self.scope
        return self.scope

    async def _handle_once(self, call: Call, once: OnceKey) -> web.StreamResponse:
        try:
            response = await self.handle(call)
        except Exception:
            # The same request may have been answered while this one ran, and have made this one fail.
            first = await call.use_cases.answers.find(once)
            if first is None:
                raise
            return _again(first)
        if isinstance(response, web.Response):
            answer = _kept(response)
            first = await call.use_cases.answers.settle(once, answer)
            return response if first == answer else _again(first)
        return response


async def _once_key(request: web.Request, key: ApiKey) -> OnceKey | None:
    given = request.headers.getall("Idempotency-Key", [])
    if not given:
        return None
    if len(given) > 1 or not _IDEMPOTENCY_KEY.fullmatch(given[0]):
        sentence = "Idempotency-Key must be given once, with 1 to 255 visible ASCII characters."
        raise RequestRefusedError(400, ErrorCode.VALIDATION_FAILED, sentence)
    fingerprint = hashlib.sha256(await request.read()).hexdigest()
    return OnceKey(key.key_id, request.path, given[0], fingerprint)


def _kept(response: web.Response) -> Answer:
    headers = {name: value for name, value in response.headers.items() if name in ("ETag", "Location")}
    return Answer(response.status, bytes(response.body or b""), headers)  # type: ignore[arg-type]


def _again(answer: Answer) -> web.Response:
    headers = {**answer.headers, "Idempotency-Replayed": "true"}
    return web.Response(
        status=answer.status, body=answer.body, content_type="application/json", charset="utf-8", headers=headers
    )


async def _to_the_end(work: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
    """A change is not cut off half-way when its client stops waiting: its transaction ends in one way or the other."""
    task = asyncio.create_task(work)
    _changes.add(task)
    task.add_done_callback(_changes.discard)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_unheard)
        raise


def _unheard(task: "asyncio.Task[web.StreamResponse]") -> None:
    """Its client is gone: a refusal is nobody's news any more, and what nobody has foreseen is still a fault."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ContactsError | RequestRefusedError):
        _log.error("change_failed_unheard", exc_info=error)


def _too_late(request: web.Request) -> RequestRefusedError:
    if not request.content.is_eof():
        sentence = "The body did not arrive in time; send it again."
        return RequestRefusedError(408, ErrorCode.TIMEOUT, sentence, headers={"Connection": "close"})
    retry = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return RequestRefusedError(503, ErrorCode.TIMEOUT, _TOO_LATE, headers=retry)


def _limit_rate(request: web.Request, key: ApiKey) -> None:
    allowance = request.app[RATE_LIMITER].take(key.key_id)
    if allowance is None:
        return
    request[ANSWER_HEADERS] = {**request.get(ANSWER_HEADERS, {}), **allowance.headers}
    if allowance.retry_after:
        sentence = "This API key makes too many requests; wait as many seconds as Retry-After says."
        raise RequestRefusedError(429, ErrorCode.RATE_LIMITED, sentence)


def success(status: int = 200, headers: dict[str, str] | None = None, **fields: object) -> web.Response:
    """A success body: `"status": "success"`, then the fields."""
    return web.Response(
        status=status,
        body=orjson.dumps({"status": "success", **fields}),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )
