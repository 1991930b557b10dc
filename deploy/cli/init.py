"""`pathbound init`."""

import functools

import click
from ulid import ULID

from deploy.cli.options import with_settings
from service.kafka.topics import check_broker, create_topics
from service.mongo.indexes import create_indexes
from service.mongo.migrations.record import MigrationRecords
from service.mongo.migrations.run import migrate
from service.mongo.server import check_server
from service.mongo.store import open_store
from service.settings import MongoSettings, RetentionSettings, TopicSettings


class InitSettings(MongoSettings, TopicSettings, RetentionSettings):
    """What init needs."""


@click.command()
@click.option(
    "--again",
    is_flag=True,
    help="Do all migrations again, for what processes of an earlier version have written since: after the last of them "
    "has ended.",
)
@with_settings(InitSettings)
async def init(settings: InitSettings, again: bool) -> None:
    """Create the collections, indexes and topics that are missing, and bring what is stored to this program's version.

    Safe to repeat, to kill and to run twice at once; everything else may go on meanwhile.
    """
    async with open_store(settings, patient=True) as store:
        # All is looked at before anything is changed.
        await check_server(store.database)
        await MigrationRecords(store.database).check_not_too_new()
        await check_broker(settings)
        count = await create_indexes(store.database, settings.outbox_retention_hours * 3600)
        done = await migrate(store, str(ULID()), functools.partial(click.echo, err=True), again=again)
    for migration in done:
        click.echo(f"MongoDB: migrated to version {migration.version}: {migration.name}.")
    click.echo(f"MongoDB: {count} indexes in database {settings.mongo_database}.")
    names = await create_topics(settings)
    click.echo(f"Kafka: {len(names)} topics: {', '.join(names)}.")
