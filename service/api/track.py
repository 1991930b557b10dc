"""The door for visitor events from web pages."""

from aiohttp import web
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from schemas.answers import AcceptedAnswer
from schemas.errors import ErrorCode
from schemas.scopes import Scope
from schemas.tracker import TrackBody
from service.api.access import TRACKER_KEY
from service.api.app_keys import USE_CASES
from service.api.cors import preflight_headers
from service.api.endpoint import Call, Endpoint, success
from service.api.validation import Parameters

PATH = "/v1/track"


class TrackQuery(Parameters):
    """The key, where it cannot stand in a header. It is described as a security scheme."""

    key: SkipJsonSchema[str | None] = Field(None)


async def track(call: Call) -> web.Response:
    """For pages: a publishable key, sent from one of its origins, as `Authorization: Bearer` or, since
    `navigator.sendBeacon` can set no header, as `?key=`. For servers: a secret key, in the header only.

    All events are accepted or none; 202 says that Kafka has them. After 503 send them again: each is stored once. The
    body may also come as `text/plain`. An event has at most 64 KiB; one without `userAgent` gets the request's."""
    # What a header holds beyond UTF-8 comes as half surrogate pairs.
    user_agent = call.request.headers.get("User-Agent", "").encode("utf-8", "replace").decode()
    accepted = await call.use_cases.track(call.caller(), call.body.events, user_agent)
    return success(202, accepted=accepted)


async def preflight(request: web.Request) -> web.Response:
    """Browsers ask before they send what a form could not. They do not tell the key yet: the origin must be that of any
    publishable key; whether it is that of the key is looked at when the events come."""
    origin = request.headers.get("Origin")
    allowed = bool(origin) and await request.app[USE_CASES].access_keys.serves_origin(origin or "")
    return web.Response(status=204, headers=preflight_headers(origin if allowed else None))


ENDPOINTS = (
    Endpoint(
        "POST",
        PATH,
        Scope.TRACK_WRITE,
        track,
        "Send visitor events from a web page.",
        query=TrackQuery,
        body=TrackBody,
        consumes=("application/json", "text/plain"),
        answer=AcceptedAnswer,
        status=202,
        errors=(ErrorCode.STREAM_UNAVAILABLE,),
        access=TRACKER_KEY,
    ),
)
ROUTES = (web.options(PATH, preflight),)
