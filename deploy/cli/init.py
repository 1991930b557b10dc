"""`pathbound init`."""

import click

from deploy.cli.options import with_settings
from service.kafka.topics import create_topics
from service.mongo.indexes import create_indexes
from service.mongo.store import connect, database_of
from service.settings import MongoSettings, RetentionSettings, TopicSettings


class InitSettings(MongoSettings, TopicSettings, RetentionSettings):
    """What init needs."""


@click.command()
@with_settings(InitSettings)
async def init(settings: InitSettings) -> None:
    """Create the collections, indexes and topics that are missing. Safe to repeat."""
    client = connect(settings, patient=True)
    try:
        count = await create_indexes(database_of(client, settings), settings.outbox_retention_hours * 3600)
    finally:
        client.close()
    click.echo(f"MongoDB: {count} indexes in database {settings.mongo_database}.")
    names = await create_topics(settings)
    click.echo(f"Kafka: {len(names)} topics: {', '.join(names)}.")
