"""`pathbound feed tail|verify|replay|rebuild-snapshot`."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from deploy.bootstrap import open_core
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from schemas.changes import ChangeType
from schemas.timestamps import to_utc_millis
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.clock import system_clock
from service.feed.gaps import Range
from service.feed.model import FeedRecord, RebuildProgress
from service.feed.rebuild import SnapshotRebuilder
from service.feed.replay import FeedReplayer, ReplayRequest
from service.feed.verify import ContactVerdict, FeedVerifier, Reading
from service.kafka.feed import KafkaFeedTopic
from service.kafka.replay import KafkaReplayPublisher
from service.settings import FeedSettings, KafkaSettings, MongoSettings

_SAY_SECONDS = 5.0


@click.group()
def feed() -> None:
    """Read the change feed, prove that it is complete, publish a part of it again."""


# --- tail ------------------------------------------------------------------------------------------------------------


@feed.command()
@tenant_option("Only this tenant's events.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([kind.value for kind in ChangeType]),
    help="Only events of this type; may be repeated.",
)
@click.option("--from-beginning", is_flag=True, help="Begin with the oldest that Kafka keeps, not with the next one.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
@with_settings(KafkaSettings)
async def tail(
    settings: KafkaSettings, tenant: str | None, types: tuple[str, ...], from_beginning: bool, as_json: bool
) -> None:
    """Print changes as they are committed, until Ctrl-C."""
    stop = stop_on_signals()
    printing = asyncio.create_task(_print_events(settings, tenant, types, from_beginning, as_json))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((printing, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    printing.cancel()
    await asyncio.wait((printing,))
    if not printing.cancelled():
        printing.result()


async def _print_events(
    settings: KafkaSettings, tenant: str | None, types: tuple[str, ...], from_beginning: bool, as_json: bool
) -> None:
    async with aclosing(_topic(settings).follow(from_beginning=from_beginning)) as records:
        async for record in records:
            event = record.event
            if event is None:
                click.echo(f"Partition {record.partition}, offset {record.offset} is no event.", err=True)
            elif tenant in (None, event.get("tenantid")) and (not types or event.get("type") in types):
                click.echo(_json_line(record, event) if as_json else _line(record, event))


def _json_line(record: FeedRecord, event: dict[str, Any]) -> bytes:
    """The event in structured form, whichever mode it came in."""
    return orjson.dumps({**event, **({"replay": record.replay} if record.replay else {})})


def _line(record: FeedRecord, event: dict[str, Any]) -> str:
    told = [
        str(event.get("time")),
        str(event.get("tenantid")),
        record.contact_id,
        f"#{event.get('sequence')}",
        str(event.get("type")),
        *_details(event.get("data")),
        *([f"by {event['actor']}"] if event.get("actor") else []),
        *(["(replay)"] if record.replay else []),
    ]
    return "  ".join(told)


def _details(data: Any) -> Iterable[str]:
    """What a line tells of the data: names of what changed, and no values."""
    if not isinstance(data, dict):
        return
    if isinstance(data.get("changed"), dict):
        yield ", ".join(sorted(data["changed"]))
    for inner, name in (("note", "note_id"), ("action", "action_id"), ("identity", "kind")):
        if isinstance(data.get(inner), dict):
            yield str(data[inner].get(name))
    if "note_id" in data:
        yield str(data["note_id"])


# --- verify ----------------------------------------------------------------------------------------------------------


@feed.command()
@tenant_option("Only this tenant's contacts.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each contact, and one for the whole.")
@with_settings(FeedSettings)
async def verify(settings: FeedSettings, tenant: str | None, as_json: bool) -> None:
    """Show that every change is on the feed, in order, from the oldest that Kafka keeps on.

    Reads the topic and the database. Ends with status 1 and names what is missing, if anything is. Repeats, replays and
    what waits in the outbox are no gaps.
    """
    async with open_core(settings) as core:
        verifier = FeedVerifier(_topic(settings), core.store.feed_history)
        counted, reading = await verifier.read(tenant)
        verdicts = []
        async for verdict in verifier.judge(counted, reading):
            verdicts.append(verdict)
            if as_json:
                click.echo(orjson.dumps(_verdict_object(verdict)))
            elif not verdict.complete:
                click.echo("\n".join(_faults(verdict)))
    for partition, offset in reading.unreadable:
        click.echo(f"Partition {partition}, offset {offset} is no event.", err=as_json)
    summary = _summary(verdicts, reading)
    click.echo(orjson.dumps(summary) if as_json else _sentence(summary))
    if not summary["complete"]:
        raise click.exceptions.Exit(1)


def _verdict_object(verdict: ContactVerdict) -> dict[str, Any]:
    return {
        "tenant_id": verdict.tenant_id,
        "contact_id": verdict.contact_id,
        "complete": verdict.complete,
        "counted": verdict.counted,
        "first": verdict.first,
        "last": verdict.last,
        "repeats": verdict.repeats,
        "waiting": verdict.waiting,
        "expired": verdict.expired,
        "missing": verdict.missing,
        "late": verdict.late,
        "clashes": verdict.clashes,
    }


def _faults(verdict: ContactVerdict) -> Iterable[str]:
    who = f"{verdict.tenant_id} {verdict.contact_id}"
    if verdict.missing:
        yield f"{who}: missing {', '.join(map(_range, verdict.missing))} of {verdict.counted}"
    if verdict.late:
        yield f"{who}: out of order {', '.join(map(str, verdict.late))}"
    if verdict.clashes:
        yield f"{who}: two ids under {', '.join(map(str, verdict.clashes))}"
    if verdict.counted is None:
        yield f"{who}: unknown to the database"
    elif verdict.ahead:
        yield f"{who}: at {verdict.last} on the topic, at {verdict.counted} in the database"


def _range(numbers: Range) -> str:
    first, last = numbers
    return str(first) if first == last else f"{first} to {last}"


def _summary(verdicts: list[ContactVerdict], reading: Reading) -> dict[str, Any]:
    faulty = sum(not verdict.complete for verdict in verdicts)
    return {
        "complete": not faulty and not reading.unreadable,
        "contacts": len(verdicts),
        "faulty": faulty,
        "records": reading.records,
        "repeats": sum(verdict.repeats for verdict in verdicts),
        "replayed": reading.replayed,
        "waiting": sum(verdict.waiting for verdict in verdicts),
        "expired": sum(verdict.expired for verdict in verdicts),
        "unreadable": len(reading.unreadable),
    }


def _sentence(summary: dict[str, Any]) -> str:
    told = [f"{summary['records']} events of {summary['contacts']} contacts read"]
    for name, text in (
        ("repeats", "came more than once"),
        ("replayed", "are replays"),
        ("waiting", "wait in the outbox"),
        ("expired", "are older than what Kafka keeps"),
    ):
        if summary[name]:
            told.append(f"{summary[name]} {text}")
    verdict = (
        "Every change is there, in order."
        if summary["complete"]
        else f"{summary['faulty']} contacts have gaps or disorder; {summary['unreadable']} records are no events."
    )
    return f"{'; '.join(told)}. {verdict}"


# --- replay ----------------------------------------------------------------------------------------------------------


def _instant(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return to_utc_millis(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise click.BadParameter("must be an ISO 8601 time, such as 2026-11-23T09:30:00Z") from None


@feed.command()
@tenant_option("The tenant whose events are published again.", required=True)
@click.option("--from", "start", required=True, callback=_instant, help="The earliest commit time, ISO 8601.")
@click.option("--to", "end", callback=_instant, help="The commit time to stop before; now, unless given.")
@click.option("--topic", help="Another topic, by its full name; else the feed itself, with a header `replay`.")
@with_settings(FeedSettings)
async def replay(settings: FeedSettings, tenant: str, start: datetime, end: datetime | None, topic: str | None) -> None:
    """Publish a tenant's events again: the same ids in the same order, all of them or none.

    As far back as published records are kept (PATHBOUND_OUTBOX_RETENTION_HOURS of `pathbound init`).
    """
    own = f"{settings.topic_prefix}{CONTACTS_CHANGES}"
    wanted = ReplayRequest(tenant, start, end or system_clock(), topic or own)
    async with open_core(settings) as core:
        replayer = FeedReplayer(core.store.feed_history, KafkaReplayPublisher(settings, tenant), own)
        count = await replayer(wanted)
    click.echo(f"Published {count} events again to {wanted.topic}.")


# --- rebuild-snapshot ------------------------------------------------------------------------------------------------


@feed.command(name="rebuild-snapshot")
@tenant_option("Only this tenant's contacts.")
@with_settings(MongoSettings)
async def rebuild_snapshot(settings: MongoSettings, tenant: str | None) -> None:
    """Publish the snapshot of every contact anew, in order with live changes. Needs a relay that runs.

    May be stopped at any time: the next call goes on where it was.
    """
    async with open_core(settings) as core:
        rebuild = SnapshotRebuilder(core.store, core.store.rebuilds, system_clock)
        done = await rebuild(tenant, _Progress().say)
    click.echo(f"Published {done.requested} snapshots to {CONTACTS_SNAPSHOT}.")


class _Progress:
    """A line on standard error every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def say(self, progress: RebuildProgress, waiting: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SAY_SECONDS
            click.echo(f"{progress.requested} snapshots requested; {waiting} wait for the relay.", err=True)


def _topic(settings: KafkaSettings) -> KafkaFeedTopic:
    return KafkaFeedTopic(settings, f"{settings.topic_prefix}{CONTACTS_CHANGES}")
