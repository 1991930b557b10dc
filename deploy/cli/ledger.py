"""`pathbound ledger`."""

import json
from collections.abc import Sequence

import click

from deploy.bootstrap import open_core
from deploy.cli.options import tenant_option, with_settings
from deploy.cli.tables import print_table
from schemas.topics import SOURCES, consumer_group
from service.errors import StreamUnavailableError
from service.kafka.groups import committed_offsets
from service.ledger.balance import Line, PartitionBalance, lines, partitions
from service.ledger.model import Outcome
from service.settings import KafkaSettings, MongoSettings


class LedgerSettings(MongoSettings, KafkaSettings):
    """What the ledger command needs."""


@click.command()
@tenant_option("Only this tenant's records (and no check of the partitions).")
@click.option("--topic", type=click.Choice(list(SOURCES.values())), help="Only this source's topic.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_settings(LedgerSettings)
async def ledger(settings: LedgerSettings, tenant: str | None, topic: str | None, as_json: bool) -> None:
    """Show what became of all records received: stored, parked, duplicate, erased or dead-lettered.

    Parked records are stored; whom they concern was refused or not known when they came. Of erased ones nothing is
    stored: they tell only of persons who were erased. Records that name no tenant legibly are in a line of their own.
    For each partition, every offset must have been counted up to the committed one.
    """
    async with open_core(settings) as core:
        rows = await core.store.ledger.rows(tenant, f"{settings.topic_prefix}{topic}" if topic else None)
    own = [row for row in rows if row.key.topic.removeprefix(settings.topic_prefix) in SOURCES.values()]
    checked = [] if tenant else partitions(own, await _committed(settings))
    if as_json:
        _print_json(lines(own), checked)
    elif own:
        _print_table(lines(own))
        for line in _told(checked):
            click.echo(line)
    else:
        click.echo("Nothing has been counted yet.", err=True)


async def _committed(settings: LedgerSettings) -> dict[tuple[str, int], int]:
    groups = [consumer_group(settings.topic_prefix, source) for source in SOURCES]
    try:
        return await committed_offsets(settings, groups)
    except StreamUnavailableError:
        click.echo("Kafka does not answer: committed offsets are not compared.", err=True)
        return {}


def _print_table(shown: Sequence[Line]) -> None:
    print_table(
        ("TOPIC", "TENANT", "RECEIVED", *(outcome.upper().replace("_", "-") for outcome in Outcome)),
        [
            (line.topic, line.tenant_id or "(none legible)", line.received, *(line.counts[one] for one in Outcome))
            for line in shown
        ],
    )


def _told(checked: Sequence[PartitionBalance]) -> list[str]:
    """A sentence for each partition with something to say, else one for all."""
    told = []
    for one in checked:
        where = f"{one.topic} partition {one.partition}"
        if one.uncounted:
            told.append(
                f"{where}: {one.uncounted:,} offsets up to the committed {one.committed_offset:,} are not counted; "
                "they were read before there was a ledger, or without it."
            )
        if one.ahead:
            told.append(
                f"{where}: {one.ahead:,} offsets are counted beyond the committed {one.committed_offset:,}: a batch is "
                "in hand, or records are read again (`pathbound rewind`). If the topic was deleted and made again, "
                "what comes is not counted until it has as many."
            )
        if one.gaps:
            told.append(
                f"{where}: {one.gaps:,} of the offsets passed hold no record (transaction markers, or removed)."
            )
    if checked and not told:
        told.append(f"Checked: every offset of {len(checked)} partitions is counted once, up to the committed one.")
    return told


def _print_json(shown: Sequence[Line], checked: Sequence[PartitionBalance]) -> None:
    for line in shown:
        counts = {str(outcome): line.counts[outcome] for outcome in Outcome}
        click.echo(json.dumps({"topic": line.topic, "tenant_id": line.tenant_id, "received": line.received, **counts}))
    for one in checked:
        click.echo(json.dumps({**one._asdict(), "gaps": one.gaps, "uncounted": one.uncounted, "ahead": one.ahead}))
