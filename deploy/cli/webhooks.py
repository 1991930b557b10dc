"""`pathbound webhooks intercom set|list|remove`."""

import sys

import click

from deploy.bootstrap import open_core
from deploy.cli.options import tenant_option, with_settings
from schemas.events import Source
from schemas.timestamps import iso_millis
from service.clock import system_clock
from service.settings import MongoSettings

_SOURCE = Source.INTERCOM.value
_MAX_SECRET = 1024


@click.group()
def webhooks() -> None:
    """What is needed to receive from providers by HTTP."""


@webhooks.group()
def intercom() -> None:
    """The client secret of each tenant's Intercom app, which signs what Intercom sends.

    It is stored as it is (a signature cannot be checked with a hash of it), so whoever can read the database can read
    it. No command, answer or log shows it.
    """


@intercom.command(name="set")
@tenant_option("Whose Intercom app it is.", required=True)
@with_settings(MongoSettings)
async def set_secret(settings: MongoSettings, tenant: str) -> None:
    """Read the client secret (from the terminal, unseen, else the first line of standard input) and keep it, in the
    place of the one before."""
    secret = _read_secret()
    async with open_core(settings) as core:
        await core.store.webhook_secrets.put(tenant, _SOURCE, secret, system_clock())
    click.echo(f"Set. Intercom's webhook URL for {tenant}: <public address of the API>/v1/webhooks/intercom/{tenant}")


@intercom.command(name="list")
@with_settings(MongoSettings)
async def list_tenants(settings: MongoSettings) -> None:
    """List the tenants that have a secret, and since when."""
    async with open_core(settings) as core:
        found = await core.store.webhook_secrets.tenants(_SOURCE)
    for tenant, set_at in found:
        click.echo(f"{tenant}  set {iso_millis(set_at)}")
    if not found:
        click.echo("None. Set one: pathbound webhooks intercom set --tenant T", err=True)


@intercom.command(name="remove")
@tenant_option("Whose secret is to go.", required=True)
@with_settings(MongoSettings)
async def remove_secret(settings: MongoSettings, tenant: str) -> None:
    """Forget a tenant's secret: what Intercom sends for it is refused from now on."""
    async with open_core(settings) as core:
        known = await core.store.webhook_secrets.remove(tenant, _SOURCE)
    if not known:
        raise click.ClickException("This tenant has no secret; `pathbound webhooks intercom list` shows who has.")
    click.echo(f"Removed the secret of {tenant}.")


def _read_secret() -> str:
    secret = str(click.prompt("Client secret", hide_input=True)).strip() if sys.stdin.isatty() else _first_line()
    if not secret or len(secret) > _MAX_SECRET:
        raise click.UsageError("Give the client secret of the Intercom app on standard input.")
    return secret


def _first_line() -> str:
    try:
        return sys.stdin.buffer.readline().decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise click.UsageError(
            "What is on standard input is not UTF-8: give the secret as Intercom shows it."
        ) from None
