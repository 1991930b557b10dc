"""What tells a browser that a page of another origin may send, and read the answer (CORS, Fetch standard)."""

from aiohttp import web

from service.api.app_keys import ANSWER_HEADERS

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, X-Request-Id",
    # How long a browser remembers it, and so how long a page of a revoked key may go on asking in vain.
    "Access-Control-Max-Age": "600",
}
_READABLE = "Retry-After, X-Request-Id, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"


def allow_origin(request: web.Request, origin: str) -> None:
    """Whatever the answer is, a page of `origin`, which was checked, may read it."""
    told = {**_allowed(origin), "Access-Control-Expose-Headers": _READABLE}
    request[ANSWER_HEADERS] = {**request.get(ANSWER_HEADERS, {}), **told}


def preflight_headers(origin: str | None) -> dict[str, str]:
    """Of the answer to a preflight; None where the origin is not allowed."""
    return {"Allow": "OPTIONS, POST", "Vary": "Origin"} | ({} if origin is None else _allowed(origin) | _PREFLIGHT)


def _allowed(origin: str) -> dict[str, str]:
    # `sendBeacon` always sends along what cookies there are; there are none, and nothing here looks at any.
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Vary": "Origin"}
