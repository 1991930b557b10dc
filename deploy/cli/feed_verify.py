"""`pathbound feed verify`."""

from collections.abc import Iterable
from typing import Any

import click
import orjson

from deploy.bootstrap import open_core
from deploy.cli.options import tenant_option, with_settings
from schemas.topics import CONTACTS_CHANGES, CONTACTS_SNAPSHOT
from service.feed.gaps import Range
from service.feed.snapshots import SnapshotVerdict, SnapshotVerifier
from service.feed.verify import ContactVerdict, FeedVerifier, Reading
from service.kafka.feed import KafkaFeedTopic
from service.settings import FeedSettings


@click.command()
@tenant_option("Only this tenant's contacts.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each contact, and one for the whole.")
@with_settings(FeedSettings)
async def verify(settings: FeedSettings, tenant: str | None, as_json: bool) -> None:
    """Show that every change is on the feed, in order, from the oldest that Kafka keeps on, and every contact's latest
    state on contacts.snapshot.

    Reads the topics and the database. Ends with status 1 and names what is missing, if anything is. Repeats, replays
    and what waits in the outbox are no gaps.
    """
    changes, snapshots = (
        KafkaFeedTopic(settings, f"{settings.topic_prefix}{name}") for name in (CONTACTS_CHANGES, CONTACTS_SNAPSHOT)
    )
    async with open_core(settings) as core:
        verifier = FeedVerifier(changes, core.store.feed_history)
        counted, reading = await verifier.read(tenant)
        verdicts = []
        async for verdict in verifier.judge(counted, reading):
            verdicts.append(verdict)
            if as_json:
                click.echo(orjson.dumps(_verdict_object(verdict)))
            elif not verdict.complete:
                click.echo("\n".join(_faults(verdict)))
        compared = await SnapshotVerifier(snapshots, core.store.feed_history)(tenant)
    for partition, offset in reading.unreadable:
        click.echo(f"Partition {partition}, offset {offset} is no event.", err=as_json)
    for one in compared.faults:
        told = {"tenant_id": one.tenant_id, "contact_id": one.contact_id, "complete": False, "snapshot": one.fault}
        click.echo(orjson.dumps(told) if as_json else f"{one.tenant_id} {one.contact_id}: {one.fault}")
    summary = _summary(verdicts, reading, compared)
    click.echo(orjson.dumps(summary) if as_json else f"{_sentence(summary)}\n{_snapshot_sentence(compared)}")
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


def _summary(verdicts: list[ContactVerdict], reading: Reading, compared: SnapshotVerdict) -> dict[str, Any]:
    faulty = sum(not verdict.complete for verdict in verdicts)
    return {
        "complete": not faulty and not reading.unreadable and not compared.faults,
        "contacts": len(verdicts),
        "faulty": faulty,
        "records": reading.records,
        "repeats": sum(verdict.repeats for verdict in verdicts),
        "replayed": reading.replayed,
        "waiting": sum(verdict.waiting for verdict in verdicts),
        "expired": sum(verdict.expired for verdict in verdicts),
        "unreadable": len(reading.unreadable),
        "snapshots": {
            "compared": compared.compared,
            "faulty": len(compared.faults),
            "waiting": compared.waiting,
            "untold": compared.untold,
        },
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
        if not summary["faulty"] and not summary["unreadable"]
        else f"{summary['faulty']} contacts have gaps or disorder; {summary['unreadable']} records are no events."
    )
    return f"{'; '.join(told)}. {verdict}"


def _snapshot_sentence(compared: SnapshotVerdict) -> str:
    told = [f"{compared.compared} contacts compared with contacts.snapshot"]
    if compared.waiting:
        told.append(f"{compared.waiting} wait in the outbox")
    if compared.untold:
        told.append(f"{compared.untold} were loaded, and nobody was told of them yet")
    verdict = (
        f"{len(compared.faults)} are not as they should be: `pathbound feed rebuild-snapshot` puts that right."
        if compared.faults
        else "It is what the database has."
    )
    return f"{'; '.join(told)}. {verdict}"
