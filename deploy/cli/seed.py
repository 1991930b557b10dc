"""`pathbound seed`."""

import asyncio
import time
from contextlib import aclosing

import click

from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from deploy.seed.load import load
from deploy.seed.plan import SeedPlan
from service.errors import ContendedError, DuplicateKeyError
from service.mongo.bulk_load import MongoBulkLoad
from service.mongo.store import open_store
from service.settings import MongoSettings

_MOST = 100_000_000


@click.command()
@click.option("--contacts", type=click.IntRange(1, _MOST), required=True, help="How many contacts.")
@click.option(
    "--events", type=click.IntRange(0), default=0, show_default=True, help="How many visits, over all of them."
)
@tenant_option("Whose they are.", default="dev", show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, 1_000_000), default=0, show_default=True, help="What chance begins with."
)
@with_settings(MongoSettings)
async def seed(settings: MongoSettings, contacts: int, events: int, tenant: str, seed: int) -> None:
    """Fill a tenant with made-up contacts and visits: the same numbers, tenant and seed give the same data.

    They are stored as the service would store them, so every operation works on them: contacts, e-mail addresses and
    visitor ids in the registry, the timeline's contact_created, visits, sessions, profile figures.

    Not written: change events (nobody is to be told of made-up people; a contact's first later change is its number
    1 on contacts.changes), and the actions behind the enriched ones.

    While no tenant has any contacts the indexes are dropped and built again at the end, which is several times quicker;
    lists cannot be answered meanwhile. Otherwise they stay. The same command again adds only what is missing, so that a
    run that was interrupted can be finished; other numbers or another seed add other contacts.
    """
    plan, stop = SeedPlan(tenant, contacts, events, seed), stop_on_signals()
    started = time.monotonic()
    async with open_store(settings, patient=True) as store:
        bulk = MongoBulkLoad(store)
        await _prepare(bulk)
        try:
            new = await _load(settings, plan, stop)
        finally:
            click.echo("Building indexes ...")
            building = time.monotonic()
            count = await bulk.build_indexes()
            click.echo(f"{count} indexes are there, after {time.monotonic() - building:.0f} s.")
    seconds = time.monotonic() - started
    if not new:
        click.echo("Everything was there already.")
        return
    click.echo(
        f"Stored {new:,} contacts of tenant {tenant} in {seconds:.0f} s ({new / seconds:,.0f}/s, indexes included)."
    )


async def _prepare(bulk: MongoBulkLoad) -> None:
    if await bulk.is_empty():
        click.echo("No contacts are there yet: the indexes are dropped now and built at the end.")
        await bulk.drop_indexes()
    else:
        click.echo("Contacts are there already: the indexes stay in place, which is slower.")
        await bulk.build_indexes()


async def _load(settings: MongoSettings, plan: SeedPlan, stop: asyncio.Event) -> int:
    """How many contacts are new. Exits if it is stopped."""
    stored = 0
    try:
        with click.progressbar(length=plan.contacts, label="Contacts", show_pos=True) as bar:
            async with aclosing(load(settings, plan)) as portions:
                async for count, new in portions:
                    stored += count if new else 0
                    bar.update(count)
                    if stop.is_set():
                        raise click.ClickException("Stopped. The same command goes on from here.")
    except DuplicateKeyError:
        raise click.ClickException(
            f"Somebody in tenant {plan.tenant_id} has an address or visitor id of these contacts, or another process "
            "seeds the same. What was stored stays; run it again, or choose another --seed."
        ) from None
    except ContendedError:
        raise click.ClickException(
            "A run that was killed, or another process, has a part of it in hand. In about a minute the same command "
            "goes on from here."
        ) from None
    return stored
