"""`pathbound send …`: what a source's backend would produce, for trying things out."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, BinaryIO

import click
import orjson

from consumers.gmail.normalise import normalise as normalise_gmail
from consumers.intercom.normalise import normalise as normalise_intercom
from consumers.runtime.outcomes import InvalidRecordError, Record
from consumers.tracker.normalise import normalise as normalise_tracker
from deploy.cli.options import with_settings
from schemas.timestamps import iso_millis
from schemas.topics import GMAIL_MESSAGES, INTERCOM_EVENTS, MAX_RECORD_BYTES, TRACKER_EVENTS
from service.clock import system_clock
from service.intake.intercom import key_of_item, key_of_notification
from service.kafka.producers import send_one
from service.settings import KafkaSettings

_ROOM_BYTES = 1024
"""What Kafka adds to a record, generously."""


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
    key, value = visitor_id.encode(), orjson.dumps(envelope)
    _refuse_what_the_consumer_would(normalise_tracker, TRACKER_EVENTS, key, value)
    sent_to = await _send(settings, TRACKER_EVENTS, key, value)
    click.echo(f"Sent {event} of visitor {visitor_id} to {sent_to}.")


@send.command()
@click.option("--tenant", required=True, help="The tenant whose mailbox it is.")
@click.option("--mailbox", required=True, help="The mailbox's address.")
@click.option(
    "--kind",
    type=click.Choice(["message", "labels", "deleted"]),
    default="message",
    show_default=True,
    help="What the file holds: a message, an id with its new labelIds and historyId, or the ids of a deleted message.",
)
@click.argument("file", type=click.File("rb"))
@with_settings(KafkaSettings)
async def gmail(settings: KafkaSettings, tenant: str, mailbox: str, kind: str, file: BinaryIO) -> None:
    """Send one message of a mailbox, or what became of it, to the topic gmail.messages, and wait until Kafka has it.

    FILE (- for standard input) holds a users.messages resource as Gmail's API gives it, in JSON.
    """
    envelope = {"tenant_id": tenant, "mailbox": mailbox, "kind": kind, "message": _read_object(file)}
    key, value = mailbox.strip().lower().encode(), orjson.dumps(envelope)
    _refuse_what_the_consumer_would(normalise_gmail, GMAIL_MESSAGES, key, value)
    sent_to = await _send(settings, GMAIL_MESSAGES, key, value)
    click.echo(f"Sent {kind} of mailbox {mailbox} to {sent_to}.")


@send.command()
@click.option("--tenant", required=True, help="The tenant whose Intercom workspace it is.")
@click.argument("file", type=click.File("rb"))
@with_settings(KafkaSettings)
async def intercom(settings: KafkaSettings, tenant: str, file: BinaryIO) -> None:
    """Send one webhook notification or conversation to the topic intercom.events, and wait until Kafka has it.

    FILE (- for standard input) holds a webhook's body as delivered, or a conversation as Intercom's REST API gives it,
    in JSON.
    """
    said = _read_object(file)
    kind = "notification" if said.get("type") == "notification_event" or "topic" in said else "conversation"
    key = key_of_notification(said) if kind == "notification" else key_of_item(said)
    value = orjson.dumps({"tenant_id": tenant, kind: said})
    _refuse_what_the_consumer_would(normalise_intercom, INTERCOM_EVENTS, key, value)
    sent_to = await _send(settings, INTERCOM_EVENTS, key, value)
    click.echo(f"Sent {kind} to {sent_to}.")


def _read_object(file: BinaryIO) -> dict[str, Any]:
    """The JSON object in the file. Raises click.UsageError."""
    try:
        said = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise click.UsageError(f"FILE is not valid JSON (line {error.lineno}, column {error.colno}).") from None
    if not isinstance(said, dict):
        raise click.UsageError("FILE must hold one JSON object.")
    return said


def _refuse_what_the_consumer_would(
    normalise: Callable[[Record, timedelta], object], topic: str, key: bytes | None, value: bytes
) -> None:
    """Raises click.UsageError for what would end on the DLQ, with the reason that would stand there."""
    if len(value) + len(key or b"") + _ROOM_BYTES > MAX_RECORD_BYTES:
        raise click.UsageError(f"The record would be larger than {MAX_RECORD_BYTES} bytes, which Kafka refuses.")
    try:
        normalise(Record(topic, 0, 0, key, value, system_clock()), timedelta(0))
    except InvalidRecordError as error:
        raise click.UsageError(f"The consumer would refuse it: {error.reason}.") from None


async def _send(settings: KafkaSettings, name: str, key: bytes | None, value: bytes) -> str:
    """Where it is now, in words. Raises StreamUnavailableError."""
    topic = f"{settings.topic_prefix}{name}"
    partition, offset = await send_one(settings, topic, key, value)
    return f"{topic} (partition {partition}, offset {offset})"
