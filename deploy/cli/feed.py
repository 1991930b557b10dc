"""`pathbound feed replay|rebuild-snapshot`, and the group with `tail` and `verify`."""

import time
from datetime import datetime

import click

from deploy.bootstrap import open_core
from deploy.cli.feed_tail import tail
from deploy.cli.feed_verify import verify
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from schemas.timestamps import read_instant
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.clock import system_clock
from service.feed.model import RebuildProgress
from service.feed.rebuild import SnapshotRebuilder
from service.feed.replay import FeedReplayer, ReplayRequest, ReplayStoppedError
from service.kafka.feed import KafkaFeedTopic
from service.kafka.replay import KafkaReplayPublisher
from service.settings import FeedSettings, ReplaySettings

_SAY_SECONDS = 5.0


@click.group()
def feed() -> None:
    """Read the change feed, prove that it is complete, publish a part of it again."""


feed.add_command(tail)
feed.add_command(verify)


# --- replay ----------------------------------------------------------------------------------------------------------


def _instant(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return read_instant(value)
    except ValueError:
        raise click.BadParameter("must be an ISO 8601 time, such as 2026-11-23T09:30:00Z") from None


@feed.command()
@tenant_option("The tenant whose events are published again.", required=True)
@click.option("--from", "start", required=True, callback=_instant, help="The earliest commit time, ISO 8601.")
@click.option("--to", "end", callback=_instant, help="The commit time to stop before; all until now, unless given.")
@click.option("--topic", help="Another topic, by its full name; else the feed itself, with a header `replay`.")
@with_settings(ReplaySettings)
async def replay(
    settings: ReplaySettings, tenant: str, start: datetime, end: datetime | None, topic: str | None
) -> None:
    """Publish a tenant's events again: the same ids in the same order, all of them or none.

    As far back as published records are kept (PATHBOUND_OUTBOX_RETENTION_HOURS of `pathbound init`).
    """
    own = f"{settings.topic_prefix}{CONTACTS_CHANGES}"
    stop = stop_on_signals()
    wanted = ReplayRequest(tenant, start, end, topic or own)
    async with open_core(settings) as core:
        replayer = FeedReplayer(core.store.feed_history, KafkaReplayPublisher(settings, tenant), own)
        try:
            count = await replayer(wanted, stop)
        except ReplayStoppedError:
            raise click.ClickException("Stopped: nothing was published again.") from None
    click.echo(f"Published {count} events again to {wanted.topic}.")


# --- rebuild-snapshot ------------------------------------------------------------------------------------------------


@feed.command(name="rebuild-snapshot")
@tenant_option("Only this tenant's contacts.")
@with_settings(FeedSettings)
async def rebuild_snapshot(settings: FeedSettings, tenant: str | None) -> None:
    """Publish the snapshot of every contact anew, in order with live changes, and a tombstone for each that is still on
    the topic and no longer there. Needs a relay that runs.

    May be stopped at any time: the next call goes on where it was.
    """
    topic = KafkaFeedTopic(settings, f"{settings.topic_prefix}{CONTACTS_SNAPSHOT}")
    async with open_core(settings) as core:
        rebuild = SnapshotRebuilder(core.store, core.store.rebuilds, topic, system_clock)
        done = await rebuild(tenant, _Progress().say)
    buried = f", and {done.buried} tombstones of contacts that are gone" if done.buried else ""
    click.echo(f"Published {done.requested} snapshots to {CONTACTS_SNAPSHOT}{buried}.")


class _Progress:
    """A line on standard error every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def say(self, progress: RebuildProgress, waiting: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SAY_SECONDS
            click.echo(f"{progress.requested} snapshots requested; {waiting} wait for the relay.", err=True)
