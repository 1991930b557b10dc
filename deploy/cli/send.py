"""`pathbound send tracker`: what a tracker's backend would produce, for trying things out."""

import uuid

import click
import orjson

from deploy.cli.options import with_settings
from schemas.timestamps import iso_millis
from schemas.topics import TRACKER_EVENTS
from service.clock import system_clock
from service.kafka.producers import send_one
from service.settings import KafkaSettings


@click.group()
def send() -> None:
    """Produce a record, as a source would."""


@send.command()
@click.option("--tenant", required=True, help="The tenant whose website it is.")
@click.option("--visitor-id", required=True, help="The tracker's id of the visitor.")
@click.option("--event", default="page_view", show_default=True, help="The event's name.")
@click.option("--url", default="https://www.example.com/", show_default=True, help="The page.")
@with_settings(KafkaSettings)
async def tracker(settings: KafkaSettings, tenant: str, visitor_id: str, event: str, url: str) -> None:
    """Send one visitor event to the topic tracker.events, and wait until Kafka has it."""
    envelope = {
        "tenant_id": tenant,
        "message_id": str(uuid.uuid4()),
        "event": event,
        "visitorId": visitor_id,
        "timestamp": iso_millis(system_clock()),
        "url": url,
    }
    topic = f"{settings.topic_prefix}{TRACKER_EVENTS}"
    key, value = visitor_id.encode(), orjson.dumps(envelope)
    partition, offset = await send_one(settings.kafka_bootstrap, topic, key, value)
    click.echo(f"Sent {event} of visitor {visitor_id} to {topic} (partition {partition}, offset {offset}).")
