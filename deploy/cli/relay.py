"""`pathbound relay`."""

import os
import socket
import time

import click
from ulid import ULID

from deploy.bootstrap import open_core, until_usable
from deploy.cli.options import stop_on_signals, with_settings
from service.clock import system_clock
from service.kafka.probe import KafkaProbe
from service.kafka.publishers import publisher_factory, timeline_publisher_factory
from service.ops.garbage import spare_the_collector
from service.ops.health import Checks
from service.ops.server import ops_server
from service.outbox.relay import Relay, Timeline
from service.settings import RelaySettings


@click.command()
@with_settings(RelaySettings)
async def relay(settings: RelaySettings) -> None:
    """Publish committed changes, and what enters timelines, to Kafka. Any number of relays share the work."""
    stop = stop_on_signals()
    async with open_core(settings) as core:
        worker = Relay(
            core.store.outbox,
            core.store.leases,
            publisher_factory(settings),
            holder=f"{socket.gethostname()}-{os.getpid()}-{ULID()}",
            timeline=Timeline(core.store.untold, timeline_publisher_factory(settings)),
            batch=settings.relay_batch,
            sweep_seconds=settings.relay_sweep_seconds,
            lease_seconds=settings.relay_lease_seconds,
        )
        loops = {"relay": lambda: time.monotonic() - worker.last_progress if core.store.known_usable else 0.0}
        probe = KafkaProbe(settings)
        checks = Checks({"mongodb": core.store.ping}, {"kafka": probe.check, "relay": worker.check}, loops)
        try:
            async with ops_server(checks, system_clock, settings.ops_host, settings.ops_port):
                await until_usable(core.store, stop)
                spare_the_collector()
                await worker.run(stop)
        finally:
            await probe.close()
