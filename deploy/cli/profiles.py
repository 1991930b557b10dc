"""`pathbound profiles rebuild`."""

import json
import sys

import click

from deploy.bootstrap import open_core
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from service.profile.ports import RebuildProgress, RebuildScope
from service.settings import MongoSettings

_LINE_EVERY = 1_000
_COUNTER_EVERY = 10


@click.group()
def profiles() -> None:
    """What is known of each contact over all sources, as figures."""


@profiles.command()
@tenant_option("Only this tenant's contacts.")
@click.option("--dry-run", is_flag=True, help="Only tell which profiles are wrong.")
@click.option("--start-over", is_flag=True, help="Forget how far a run with the same options was that was cut off.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@with_settings(MongoSettings)
async def rebuild(settings: MongoSettings, tenant: str | None, dry_run: bool, start_over: bool, as_json: bool) -> None:
    """Make the figures of every contact anew from the stored events and conversations, and correct what differs.

    Everything else may go on meanwhile. A run that was cut off goes on where it was when the same command is given
    again. Contacts whose profile was wrong are logged, with the names of the figures.
    """
    stop, scope = stop_on_signals(), RebuildScope(tenant, dry_run)
    async with open_core(settings) as core:
        if start_over:
            await core.rebuild_profiles.start_over(scope)
        elif unfinished := await core.rebuild_profiles.started(scope):
            click.echo(f"Going on behind {unfinished.looked_at} contacts; --start-over begins anew.", err=True)
        done = await core.rebuild_profiles(scope, _show, stop)
    if done is None:
        click.echo("Stopped. The same command goes on from here.", err=True)
        sys.exit(1)
    click.echo(json.dumps(_object(done, dry_run)) if as_json else _summary(done, dry_run))


def _show(progress: RebuildProgress) -> None:
    """A counter on a terminal, else a line now and then."""
    told = f"{progress.looked_at} contacts looked at, {progress.wrong} were wrong"
    if sys.stderr.isatty():
        if progress.looked_at % _COUNTER_EVERY == 0:
            click.echo(f"\r{told}", nl=False, err=True)
    elif progress.looked_at % _LINE_EVERY == 0:
        click.echo(told, err=True)


def _object(done: RebuildProgress, dry_run: bool) -> dict[str, int | bool]:
    return {"looked_at": done.looked_at, "wrong": done.wrong, "busy": done.busy, "dry_run": dry_run}


def _summary(done: RebuildProgress, dry_run: bool) -> str:
    fate = "were wrong (nothing was changed)" if dry_run else "were wrong and are right now"
    told = f"{done.looked_at} contacts looked at: {done.wrong} {fate}."
    if done.busy:
        told += f" {done.busy} changed whenever they were looked at and are as they were: give the command again."
    return f"\r{told}" if sys.stderr.isatty() else told
