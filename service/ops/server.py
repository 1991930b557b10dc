"""The small HTTP server of a process that has no API: health and metrics, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.clock import Clock
from service.ops.health import Checks, Health, liveness, readiness
from service.ops.listening import listen

_log = structlog.get_logger(__name__)


def _response(health: Health) -> web.Response:
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": "5"} if health.status == 503 else {})
    return web.Response(
        status=health.status, body=orjson.dumps(health.body), content_type="application/json", headers=headers
    )


def ops_routes(checks: Checks, clock: Clock) -> list[web.RouteDef]:
    """`/health/live`, `/health/ready`, and `/metrics` as Prometheus reads them, for any application."""

    async def live(_: web.Request) -> web.Response:
        return _response(liveness(checks, clock))

    async def ready(_: web.Request) -> web.Response:
        return _response(await readiness(checks, clock))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)]


@asynccontextmanager
async def ops_server(checks: Checks, clock: Clock, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the context is open; gives the base URL, since port 0 takes a free one. Raises OSError if taken."""
    app = web.Application()
    app.add_routes(ops_routes(checks, clock))
    # A body is for nobody here, and a megabyte of it may become a thousand.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, auto_decompress=False)
    await runner.setup()
    try:
        await listen(runner, host, port)
        bound_host, bound_port = runner.addresses[0][:2]
        url = f"http://{f'[{bound_host}]' if ':' in bound_host else bound_host}:{bound_port}"
        _log.info("ops_listening", url=url)
        yield url
    finally:
        await runner.cleanup()
