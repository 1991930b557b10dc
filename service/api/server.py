"""How the application is served: idle connections are closed, and what is no HTTP gets the contract's error form."""

import structlog
from aiohttp import web

from schemas.errors import ErrorCode
from service.api.errors import BAD_HTTP, Answer, error_response
from service.api.middlewares import HEADER
from service.clock import system_clock
from service.ids import new_request_id

IDLE_SECONDS = 75.0
"""How long a connection may wait for a request, headers included; longer than balancers keep theirs (60 s)."""
LINGER_SECONDS = 2.0
"""How long the rest of a body that nobody wants is read, so that its sender gets to see the answer."""
MAX_LINE_BYTES = 32 * 1024
"""The longest request line. The longest cursor, or the longest filter in percent-encoding, has a third of that."""

_EXPECTS_TOO_MUCH = Answer(
    417, ErrorCode.BAD_REQUEST, "The header Expect may say nothing but 100-continue; leave it out."
)

_log = structlog.get_logger(__name__)


class _ContractHandler(web.RequestHandler):
    """A connection. aiohttp's own answer to malformed HTTP is plain text that repeats a part of it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status != BAD_HTTP.status:
            return super().handle_error(request, status, exc, message)
        request_id = new_request_id()
        _log.info("bad_http", error=type(exc).__name__, request_id=request_id)
        response = _refused(BAD_HTTP, request_id)
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        # Made before any middleware; its text repeats the header.
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = _refused(_EXPECTS_TOO_MUCH, new_request_id())
        return await super().finish_response(request, resp, start_time)


def _refused(answer: Answer, request_id: str) -> web.Response:
    response = error_response(answer, request_id, system_clock())
    response.headers[HEADER] = request_id
    return response


class _ContractServer(web.Server):
    def __call__(self) -> web.RequestHandler:
        handler = super().__call__()
        handler.__class__ = _ContractHandler
        return handler


async def set_up(app: web.Application, shutdown_seconds: float) -> web.AppRunner:
    """A runner that has been set up; the caller adds a site and cleans up."""
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=shutdown_seconds,
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=LINGER_SECONDS,
        max_line_size=MAX_LINE_BYTES,
        # Before anybody knows who sent it a megabyte may become a thousand, and all of them were gone through.
        auto_decompress=False,
    )
    await runner.setup()
    # aiohttp has no way to be given these classes, but says what a server and a connection are; neither adds state.
    if runner.server is not None:
        runner.server.__class__ = _ContractServer
    return runner
