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
)
from service.api.endpoint import Endpoint
from service.api.errors import MAX_BODY_BYTES
from service.api.keys import USE_CASES, UseCases
from service.api.middlewares import add_request_id, errors, request_context
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
)


def create_app(use_cases: UseCases, checks: Checks, clock: Clock) -> web.Application:
    """Build it; nothing connects and nothing listens yet."""
    app = web.Application(middlewares=[request_context, errors(clock)], client_max_size=MAX_BODY_BYTES)
    app[USE_CASES] = use_cases
    app.add_routes([endpoint.route() for endpoint in ENDPOINTS])
    app.add_routes(ops_routes(checks, clock))
    app.on_response_prepare.append(add_request_id)
    return app
