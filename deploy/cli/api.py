"""`pathbound api`."""

import asyncio
from collections.abc import Awaitable, Callable

import click
import structlog
from aiohttp import web

from deploy.bootstrap import open_core, until_usable
from deploy.cli.options import stop_on_signals, with_settings
from service.api.app import create_app
from service.api.limits import ApiLimits
from service.api.server import set_up
from service.background import keep_doing
from service.clock import system_clock
from service.kafka.intake import KafkaInboundPublisher
from service.kafka.probe import KafkaProbe
from service.ops.garbage import spare_the_collector
from service.ops.health import Checks, Progress
from service.ops.listening import listen
from service.settings import ApiSettings

_log = structlog.get_logger(__name__)
_BEAT_SECONDS = 1.0
_LINK_SECONDS = 0.25
_SWEEP_SECONDS = 2.0


@click.command()
@with_settings(ApiSettings)
async def api(settings: ApiSettings) -> None:
    """Serve the HTTP API."""
    stop = stop_on_signals()
    probe = KafkaProbe(settings)
    publisher = KafkaInboundPublisher(settings, settings.topic_prefix)
    progress = Progress()
    async with open_core(settings, publisher=publisher) as core:
        checks = Checks({"mongodb": core.store.ping}, {"kafka": probe.check}, {"event_loop": progress.age})
        app = create_app(core.use_cases, checks, system_clock, _limits(settings))
        runner = await set_up(app, settings.api_shutdown_seconds)
        try:
            await _listen(runner, settings)
            await until_usable(core.store, stop)
            spare_the_collector()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(keep_doing("link", core.linker.work_off, _LINK_SECONDS, stop))
                tasks.create_task(keep_doing("link_abandoned", core.linker.sweep, _SWEEP_SECONDS, stop))
                tasks.create_task(
                    keep_doing("sweep_deleted", core.use_cases.delete_contact.sweep, _SWEEP_SECONDS, stop)
                )
                tasks.create_task(keep_doing("erase", core.sweep_erasures, _SWEEP_SECONDS, stop))
                tasks.create_task(keep_doing("beat", _beat(progress), _BEAT_SECONDS, stop))
        finally:
            await runner.cleanup()
            await publisher.close()
            await probe.close()


def _limits(settings: ApiSettings) -> ApiLimits:
    return ApiLimits(settings.rate_limit_per_second, settings.rate_limit_burst, settings.request_timeout_seconds)


async def _listen(runner: web.AppRunner, settings: ApiSettings) -> None:
    try:
        await listen(runner, settings.api_host, settings.api_port, backlog=1024)
    except OSError as error:
        where = f"{settings.api_host}:{settings.api_port}"
        raise click.ClickException(f"Cannot listen on {where} ({error.strerror}); choose another --api-port.") from None
    _log.info("api_listening", address=runner.addresses[0])


def _beat(progress: Progress) -> Callable[[], Awaitable[None]]:
    async def beat() -> None:
        """The loop moves: what liveness asks."""
        progress.mark()

    return beat
