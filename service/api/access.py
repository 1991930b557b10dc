"""The ways to say who asks: an API key, a publishable key from a page that it is for, a signed webhook.

Each ends in a key of one tenant, or in 401 (nobody known) or 403 (known, and not from here).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from schemas.errors import ErrorCode
from schemas.events import Source
from service.access.model import ApiKey
from service.api.app_keys import UseCases
from service.api.cors import allow_origin
from service.api.errors import RequestRefusedError
from service.clock import system_clock

SIGNATURE_HEADER = "X-Hub-Signature"
KEY_PARAMETER = "key"


@dataclass(frozen=True, slots=True)
class Access:
    """`security` names the schemes of the API's description, any one of which will do."""

    security: tuple[str, ...]
    authenticate: Callable[[web.Request, UseCases], Awaitable[ApiKey]]
    errors: tuple[ErrorCode, ...]


async def _secret_key(request: web.Request, use_cases: UseCases) -> ApiKey:
    key = await _known(_bearer(request), use_cases)
    if key.publishable:
        sentence = "This is a publishable key, which may only send events to POST /v1/track; use a secret key."
        raise RequestRefusedError(403, ErrorCode.SCOPE_MISSING, sentence)
    return key


async def _key_of_a_page(request: web.Request, use_cases: UseCases) -> ApiKey:
    """`navigator.sendBeacon` can set no header: a publishable key, and no other, may stand in the address too."""
    in_address = request.query.get(KEY_PARAMETER) if "Authorization" not in request.headers else None
    key = await _known(_bearer(request) if in_address is None else in_address, use_cases)
    if not key.publishable:
        if in_address is not None:
            raise _unauthenticated(ErrorCode.INVALID_API_KEY, "Send a secret key in the header Authorization only.")
        return key
    origin = request.headers.get("Origin", "")
    if origin not in key.origins:
        sentence = "This publishable key is not for pages of this origin; make one that is, with --origin."
        raise RequestRefusedError(403, ErrorCode.ORIGIN_NOT_ALLOWED, sentence)
    allow_origin(request, origin)
    return key


async def _intercom(request: web.Request, use_cases: UseCases) -> ApiKey:
    tenant_id, body = request.match_info["tenant"], await request.read()
    if not await use_cases.intercom.authentic(tenant_id, body, request.headers.get(SIGNATURE_HEADER)):
        sentence = f"{SIGNATURE_HEADER} is not this body's signature, or no secret is set for this tenant."
        raise _unauthenticated(ErrorCode.INVALID_SIGNATURE, sentence, challenge=SIGNATURE_HEADER)
    # Whoever has the secret acts for the tenant, as a key that may do this and nothing else.
    source = Source.INTERCOM.value
    return _told(ApiKey(f"webhook:{source}:{tenant_id}", tenant_id, source, frozenset(), "", system_clock()))


_KEY_ERRORS = (ErrorCode.MISSING_API_KEY, ErrorCode.INVALID_API_KEY, ErrorCode.SCOPE_MISSING)

API_KEY = Access(("apiKey",), _secret_key, _KEY_ERRORS)
TRACKER_KEY = Access(("apiKey", "publishableKey"), _key_of_a_page, (*_KEY_ERRORS, ErrorCode.ORIGIN_NOT_ALLOWED))
INTERCOM_SIGNATURE = Access(("intercomSignature",), _intercom, (ErrorCode.INVALID_SIGNATURE,))


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _unauthenticated(ErrorCode.MISSING_API_KEY, "Send an API key: Authorization: Bearer <api key>.")
    return token.strip()


async def _known(text: str, use_cases: UseCases) -> ApiKey:
    key = await use_cases.access_keys.verify(text)
    if key is None:
        sentence = "This API key is unknown or revoked; ask for a new one."
        raise _unauthenticated(ErrorCode.INVALID_API_KEY, sentence)
    return _told(key)


def _told(key: ApiKey) -> ApiKey:
    structlog.contextvars.bind_contextvars(tenant_id=key.tenant_id, key_id=key.key_id)
    return key


def _unauthenticated(code: ErrorCode, sentence: str, challenge: str = "Bearer") -> RequestRefusedError:
    return RequestRefusedError(401, code, sentence, headers={"WWW-Authenticate": challenge})
