"""The HTTP application: every route, and what stands around them."""

from aiohttp import web

from service.api import (
    actions,
    auth,
    batch,
    contact_list,
    contacts,
    conversations,
    events,
    identify,
    notes,
    timeline,
    track,
    webhooks,
)
from service.api.app_keys import USE_CASES, UseCases
from service.api.docs import docs_routes
from service.api.endpoint import Endpoint
from service.api.errors import MAX_BODY_BYTES
from service.api.limits import LIMITS, RATE_LIMITER, ApiLimits
from service.api.middlewares import add_headers, errors, request_context
from service.api.rate_limit import RateLimiter
from service.clock import Clock
from service.ops.health import Checks
from service.ops.server import ops_routes

ENDPOINTS: tuple[Endpoint, ...] = (
    *auth.ENDPOINTS,
    *events.ENDPOINTS,
    *batch.ENDPOINTS,
    *timeline.ENDPOINTS,
    *conversations.ENDPOINTS,
    *contact_list.ENDPOINTS,
    *contacts.ENDPOINTS,
    *notes.ENDPOINTS,
    *actions.ENDPOINTS,
    *identify.ENDPOINTS,
    *track.ENDPOINTS,
    *webhooks.ENDPOINTS,
)


def create_app(use_cases: UseCases, checks: Checks, clock: Clock, limits: ApiLimits) -> web.Application:
    """Build it; nothing connects and nothing listens yet."""
    app = web.Application(middlewares=[request_context, errors(clock)], client_max_size=MAX_BODY_BYTES)
    app[USE_CASES] = use_cases
    app[LIMITS] = limits
    app[RATE_LIMITER] = RateLimiter(limits.rate_limit_per_second, limits.rate_limit_burst)
    app.add_routes([endpoint.route() for endpoint in ENDPOINTS])
    app.add_routes([*track.ROUTES, *webhooks.ROUTES])
    app.add_routes(ops_routes(checks, clock))
    app.add_routes(docs_routes(ENDPOINTS))
    app.on_response_prepare.append(add_headers)
    return app
