"""`pathbound consume …`."""

import asyncio
from datetime import timedelta

import click

from consumers.conversations import ConversationHandler, Normalise
from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.depth import MEASURE_SECONDS, depth_measure
from consumers.runtime.outcomes import Handler
from consumers.runtime.runtime import ConsumerRuntime
from consumers.tracker.handler import TrackerHandler
from consumers.tracker.user_agent import warm_up
from deploy.bootstrap import Core, open_core, until_usable
from deploy.cli.options import stop_on_signals, with_settings
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS, dead_letters_of
from service.background import keep_doing
from service.clock import system_clock
from service.kafka.probe import KafkaProbe
from service.ops.garbage import spare_the_collector
from service.ops.health import Checks
from service.ops.server import ops_server
from service.settings import ConsumerSettings

_LINK_SECONDS = 1.0
_SWEEP_SECONDS = 2.0


@click.group()
def consume() -> None:
    """Read a source's topic into timelines. Any number of processes share its partitions."""


@consume.command()
@with_settings(ConsumerSettings)
async def tracker(settings: ConsumerSettings) -> None:
    """Read visitor events from tracker.events."""
    warm_up()
    async with open_core(settings) as core:
        await _consume(TrackerHandler(core.ingest, _tolerance(settings)), core, settings)


@consume.command()
@with_settings(ConsumerSettings)
async def gmail(settings: ConsumerSettings) -> None:
    """Read mail, label changes and deletions from gmail.messages."""
    await _consume_conversations("gmail", GMAIL_MESSAGES, normalise_gmail, settings)


@consume.command()
@with_settings(ConsumerSettings)
async def intercom(settings: ConsumerSettings) -> None:
    """Read Intercom's notifications and conversations from intercom.events."""
    await _consume_conversations("intercom", INTERCOM_EVENTS, normalise_intercom, settings)


async def _consume_conversations(name: str, topic: str, normalise: Normalise, settings: ConsumerSettings) -> None:
    async with open_core(settings) as core:
        handler = ConversationHandler(name, topic, normalise, core.ingest_conversations, _tolerance(settings))
        await _consume(handler, core, settings)


def _tolerance(settings: ConsumerSettings) -> timedelta:
    return timedelta(seconds=settings.timestamp_tolerance_seconds)


async def _consume(handler: Handler, core: Core, settings: ConsumerSettings) -> None:
    stop = stop_on_signals()
    spare_the_collector()
    runtime = ConsumerRuntime(handler, settings, system_clock, core.count_dead)
    probe = KafkaProbe(settings)
    checks = Checks(
        {"mongodb": core.store.ping},
        {"kafka": probe.check, "group": runtime.check_joined},
        {f"consumer_{handler.name}": lambda: runtime.progress_age() if core.store.known_usable else 0.0},
    )
    letters = f"{settings.topic_prefix}{dead_letters_of(handler.topic)}"
    try:
        async with ops_server(checks, system_clock, settings.ops_host, settings.ops_port):
            await until_usable(core.store, stop)
            await _work(runtime, core, settings, letters, stop)
    finally:
        await probe.close()


async def _work(
    runtime: ConsumerRuntime, core: Core, settings: ConsumerSettings, letters: str, stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as tasks:
        # Ingestion associates visitors too, and so leaves link tasks to finish.
        linking = tasks.create_task(keep_doing("link", core.linker.work_off, _LINK_SECONDS, asyncio.Event()))
        erasing = tasks.create_task(keep_doing("erase", core.sweep_erasures, _SWEEP_SECONDS, asyncio.Event()))
        measure = depth_measure(settings, letters, core.store.redrives)
        counting = tasks.create_task(keep_doing("count_dead_letters", measure, MEASURE_SECONDS, asyncio.Event()))
        try:
            await runtime.run(stop)
        finally:
            linking.cancel()
            erasing.cancel()
            counting.cancel()
