"""`pathbound keys create|list|revoke`."""

import json

import click

from deploy.bootstrap import open_core
from deploy.cli.options import tenant_option, with_settings
from deploy.cli.tables import safe
from schemas.origins import parse_origin
from schemas.scopes import Scope
from schemas.timestamps import iso_millis
from service.clock import system_clock
from service.settings import MongoSettings

_KINDS = "Give --scope (a secret key), or --publishable with --origin (a key that stands in web pages)."


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


def _origins(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(parse_origin(value) for value in values))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@keys.command()
@tenant_option("The tenant the key belongs to.", required=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; give it once for each scope.",
)
@click.option("--publishable", is_flag=True, help="A key for web pages: it may only send visitor events.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    callback=_origins,
    help="Whose pages a publishable key is for, such as https://www.example.com; give it once for each.",
)
@click.option("--name", default="", help="A name to know it by.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_settings(MongoSettings)
async def create(
    settings: MongoSettings,
    tenant: str,
    scopes: tuple[str, ...],
    publishable: bool,
    origins: tuple[str, ...],
    name: str,
    as_json: bool,
) -> None:
    """Create a key and print it: the only time it can be seen."""
    if publishable != bool(origins) or publishable == bool(scopes):
        raise click.UsageError(_KINDS)
    async with open_core(settings) as core:
        keys = core.use_cases.access_keys
        if publishable:
            key, text = await keys.issue_publishable(tenant, name, origins)
        else:
            key, text = await keys.issue(tenant, name, frozenset(Scope(scope) for scope in scopes))
    if as_json:
        told = {"key_id": key.key_id, "api_key": text, "tenant_id": tenant, "name": name, "scopes": sorted(key.scopes)}
        click.echo(json.dumps(told | ({"origins": list(origins)} if origins else {})))
    else:
        click.echo(f"{text}\n\n{key.key_id} for tenant {tenant}. Keep it now: it is not shown again.")


@keys.command(name="list")
@tenant_option("Only this tenant's keys.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_settings(MongoSettings)
async def list_keys(settings: MongoSettings, tenant: str | None, as_json: bool) -> None:
    """List keys, never their secrets."""
    async with open_core(settings) as core:
        found = await core.store.api_keys.of_tenant(tenant)
    for key in found:
        state = f"revoked {iso_millis(key.revoked_at)}" if key.revoked_at else "active"
        told = {
            "key_id": key.key_id,
            "tenant_id": key.tenant_id,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "created_at": iso_millis(key.created_at),
            "state": state,
            **({"origins": list(key.origins)} if key.publishable else {}),
        }
        if as_json:
            click.echo(json.dumps(told))
        else:
            may = ",".join([*sorted(key.scopes), *key.origins])
            click.echo(f"{key.key_id}  {key.tenant_id}  {state}  {may}  {safe(key.name)}".rstrip())
    if not found and not as_json:
        click.echo("No keys. Make one: pathbound keys create --tenant T --scope contacts:read", err=True)


@keys.command()
@click.argument("key_id")
@with_settings(MongoSettings)
async def revoke(settings: MongoSettings, key_id: str) -> None:
    """Revoke KEY_ID at once, for good."""
    async with open_core(settings) as core:
        known = await core.store.api_keys.revoke(key_id, system_clock())
    if not known:
        raise click.ClickException("There is no key with this id; `pathbound keys list` shows the ids.")
    click.echo(f"{key_id} is revoked.")
