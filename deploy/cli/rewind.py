"""`pathbound rewind`."""

import click

from deploy.bootstrap import open_core
from deploy.cli.options import with_settings
from schemas.topics import SOURCES, consumer_group
from service.errors import GroupBusyError
from service.kafka.groups import commit_for, committed_offsets
from service.ledger.balance import set_back
from service.settings import KafkaSettings, MongoSettings


class RewindSettings(MongoSettings, KafkaSettings):
    """What rewind needs."""


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell which offsets would change.")
@click.option(
    "--margin",
    type=click.IntRange(0),
    default=5_000,
    show_default=True,
    help="So many records before the last counted one are read again too: as many as PATHBOUND_CONSUMER_BATCH may be.",
)
@with_settings(RewindSettings)
async def rewind(settings: RewindSettings, dry_run: bool, margin: int) -> None:
    """After MongoDB was restored from a backup: set the consumers back to where the database is.

    What the sources sent since the backup is in Kafka still, and the consumer groups have passed it. The ledger tells
    up to where the database has counted. Reading a record again changes nothing where it is stored already. Consumers
    must be stopped. A partition whose group is not ahead of the ledger stays as it is.
    """
    async with open_core(settings) as core:
        rows = await core.store.ledger.rows()
    changed = 0
    for source, topic in SOURCES.items():
        group, name = consumer_group(settings.topic_prefix, source), f"{settings.topic_prefix}{topic}"
        offsets = await committed_offsets(settings, [group])
        back = set_back([row for row in rows if row.key.topic == name], offsets, margin)
        for (_, partition), (ahead, to) in back.items():
            click.echo(f"{name} partition {partition}: {ahead:,} back to {to:,}")
        changed += len(back)
        if back and not dry_run:
            await _commit(settings, group, {place: to for place, (_, to) in back.items()})
    if not changed:
        click.echo("No consumer group is ahead of the database.")


async def _commit(settings: RewindSettings, group: str, offsets: dict[tuple[str, int], int]) -> None:
    try:
        await commit_for(settings, group, offsets)
    except GroupBusyError:
        raise click.ClickException(f"The group {group} has members: stop the consumers first.") from None
