"""`pathbound consume …`."""

from datetime import timedelta

import click

from consumers.runtime.outcomes import Handler
from consumers.runtime.runtime import ConsumerRuntime
from consumers.tracker.handler import TrackerHandler
from deploy.bootstrap import Core, open_core
from deploy.cli.options import stop_on_signals, with_settings
from service.clock import system_clock
from service.ops.health import Checks
from service.ops.server import ops_server
from service.settings import ConsumerSettings


@click.group()
def consume() -> None:
    """Read a source's topic into timelines. Any number of processes share its partitions."""


@consume.command()
@with_settings(ConsumerSettings)
async def tracker(settings: ConsumerSettings) -> None:
    """Read visitor events from tracker.events."""
    async with open_core(settings) as core:
        await _consume(
            TrackerHandler(core.ingest, timedelta(seconds=settings.timestamp_tolerance_seconds)), core, settings
        )


async def _consume(handler: Handler, core: Core, settings: ConsumerSettings) -> None:
    stop = stop_on_signals()
    runtime = ConsumerRuntime(handler, settings, system_clock)
    checks = Checks(
        {"mongodb": core.store.ping},
        {"kafka": runtime.check_joined},
        {f"consumer_{handler.name}": runtime.progress_age},
    )
    async with ops_server(checks, system_clock, settings.ops_host, settings.ops_port):
        await runtime.run(stop)
