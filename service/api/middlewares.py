"""Around every request: its id, its log line and figures, and its errors."""

import re
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from service.api.app_keys import ANSWER_HEADERS, REQUEST_ID, STREAM_BEGUN, TRACEPARENT
from service.api.errors import INTERNAL, answer_of, error_response
from service.clock import Clock
from service.ids import new_request_id, new_traceparent
from service.ops import tracing
from service.ops.metrics import HTTP_REQUEST_SECONDS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger(__name__)
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
HEADER = "X-Request-Id"
_TRACED = "/v1/"
"""Not who asks for health and metrics every few seconds."""


@web.middleware
async def request_context(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Bind the request id and the trace, log one line, count the request by its route (never by its raw path)."""
    given = request.headers.get(HEADER, "")
    request_id = given if _WELL_FORMED.fullmatch(given) else new_request_id()
    request[REQUEST_ID] = request_id
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "unknown"
    method = request.method if resource else "unknown"
    told = request.headers.get(tracing.TRACEPARENT, "")
    parent = told if tracing.WELL_FORMED.fullmatch(told) else None
    span = tracing.begin_request(method, route, parent) if route.startswith(_TRACED) else None
    request[TRACEPARENT] = traceparent = span.traceparent if span else parent or new_traceparent()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id, traceparent=traceparent)
    started = time.perf_counter()
    status = 499
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        seconds = time.perf_counter() - started
        HTTP_REQUEST_SECONDS.labels(method, route, str(status)).observe(seconds)
        if span:
            tracing.end_request(span, status, request_id)
        _log.info("request", method=request.method, route=route, status=status, ms=round(seconds * 1000, 1))


def errors(clock: Clock) -> Middleware:
    """Every error in the contract's form; what nobody foresaw is logged without its text and answered with 500."""

    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            answer = answer_of(error)
            if answer is INTERNAL:
                _log.exception("request_failed")
            if STREAM_BEGUN in request:
                # The client has a 200 already: a dropped connection is the only honest way left to say that it failed.
                if request.transport is not None:
                    request.transport.abort()
                raise
            return error_response(answer, request[REQUEST_ID], clock())

    return answer_errors


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every response, streams included, before its headers are sent."""
    request_id = request.get(REQUEST_ID)
    if request_id:
        response.headers[HEADER] = request_id
    response.headers.update(request.get(ANSWER_HEADERS, {}))
    response.headers["X-Content-Type-Options"] = "nosniff"
