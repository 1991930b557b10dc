"""`pathbound feed tail`."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from typing import Any

import click
import orjson

from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from deploy.cli.tables import safe
from schemas.changes import ChangeType
from schemas.snapshots import GONE_TYPE, SNAPSHOT_TYPE, TENANT_HEADER
from schemas.timeline import TIMELINE_TYPE
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT, CONTACTS_TIMELINE
from service.feed.model import FeedRecord
from service.kafka.feed import KafkaFeedTopic
from service.settings import KafkaSettings

TYPES: dict[str, list[str]] = {
    CONTACTS_CHANGES: [kind.value for kind in ChangeType],
    CONTACTS_TIMELINE: [TIMELINE_TYPE],
    CONTACTS_SNAPSHOT: [SNAPSHOT_TYPE, GONE_TYPE],
}
"""What is on each topic of the feed."""


@click.command()
@click.option(
    "--topic", type=click.Choice(list(TYPES)), default=CONTACTS_CHANGES, show_default=True, help="Which topic."
)
@tenant_option("Only this tenant's events.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([kind for kinds in TYPES.values() for kind in kinds]),
    help="Only events of this type; may be repeated.",
)
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest that Kafka keeps, not with the next one.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
@with_settings(KafkaSettings)
async def tail(
    settings: KafkaSettings, topic: str, tenant: str | None, types: tuple[str, ...], from_beginning: bool, as_json: bool
) -> None:
    """Print a topic's events as they are committed, until Ctrl-C."""
    if elsewhere := [kind for kind in types if kind not in TYPES[topic]]:
        raise click.UsageError(f"There is no {elsewhere[0]} on {topic}: there is {', '.join(TYPES[topic])}.")
    stop = stop_on_signals()
    followed = KafkaFeedTopic(settings, f"{settings.topic_prefix}{topic}")
    printing = asyncio.create_task(_print_events(followed, tenant, types, from_beginning, as_json))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((printing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    printing.cancel()
    await asyncio.wait((printing,))
    if not printing.cancelled():
        printing.result()


async def _print_events(
    topic: KafkaFeedTopic, tenant: str | None, types: tuple[str, ...], from_beginning: bool, as_json: bool
) -> None:
    async with aclosing(topic.follow(from_beginning=from_beginning)) as records:
        async for record in records:
            event = _gone(record) if record.tombstone else record.event
            if event is None:
                click.echo(f"Partition {record.partition}, offset {record.offset} is no event.", err=True)
            elif tenant in (None, event.get("tenantid")) and (not types or event.get("type") in types):
                click.echo(_json_line(record, event) if as_json else _line(record, event))


def _gone(record: FeedRecord) -> dict[str, Any]:
    """A tombstone, told as the events are."""
    tenant_id = dict(record.headers).get(TENANT_HEADER)
    return {"type": GONE_TYPE, "subject": record.contact_id, "tenantid": tenant_id, "data": None}


def _json_line(record: FeedRecord, event: dict[str, Any]) -> bytes:
    """The event in structured form, whichever mode it came in."""
    return orjson.dumps({**event, **({"replay": record.replay} if record.replay else {})})


def _line(record: FeedRecord, event: dict[str, Any]) -> str:
    told = [
        str(event.get("time")),
        str(event.get("tenantid")),
        record.contact_id,
        *([f"#{event['sequence']}"] if "sequence" in event else []),
        str(event.get("type")),
        *_details(event.get("data")),
        *([f"by {event['actor']}"] if event.get("actor") else []),
        *(["(replay)"] if record.replay else []),
    ]
    return safe("  ".join(told))  # names of events and properties are strangers' words


def _details(data: Any) -> Iterable[str]:
    """What a line tells of the data: names of what changed, and no values."""
    if not isinstance(data, dict):
        return
    if isinstance(data.get("changed"), dict):
        yield ", ".join(sorted(data["changed"]))
    for inner, name in (("note", "note_id"), ("action", "action_id"), ("identity", "kind")):
        if isinstance(data.get(inner), dict):
            yield str(data[inner].get(name))
    if isinstance(data.get("event"), dict):
        yield f"{data['event'].get('source')} {data['event'].get('event')} of {data['event'].get('timestamp')}"
    if data.get("linked_later"):
        yield "(linked later)"
    if "note_id" in data:
        yield str(data["note_id"])
