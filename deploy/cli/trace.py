"""`pathbound trace`."""

import json

import click

from consumers.runtime.letters import open_letters
from consumers.trace import NEWEST_LETTERS, Trace, Tracer
from deploy.bootstrap import open_core
from deploy.cli.options import tenant_option, with_settings
from deploy.cli.progress import Progress
from deploy.cli.tables import safe
from deploy.cli.trace_text import findings
from schemas.positions import Position, read_position
from schemas.topics import SOURCES, consumer_group, dead_letters_of
from service.errors import TooSlowError
from service.kafka.groups import committed_offsets
from service.settings import KafkaSettings, MongoSettings


class TraceSettings(MongoSettings, KafkaSettings):
    """What tracing needs."""


@click.command()
@click.argument("told", metavar="ID")
@tenant_option("Whose input it is; needed for all ids but those of events, and positions.")
@click.option("--account", help="The mailbox or the Intercom conversation of a message's id: finds it at once.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a finding.")
@with_settings(TraceSettings)
async def trace(settings: TraceSettings, told: str, tenant: str | None, account: str | None, as_json: bool) -> None:
    """Say what became of one input, and why.

    ID is an event's (evt_...), a tracker's message_id, a Gmail message id, an Intercom conversation's or part's id, or
    a position in Kafka (topic:partition:offset).
    """
    position = _position(told, settings.topic_prefix)
    async with open_core(settings) as core, open_letters(settings) as reader:
        traces, redrives = core.store.traces, core.store.redrives
        tracer = Tracer(traces, redrives, reader, settings.topic_prefix, Progress("searched"))
        found = await _found(tracer, told, position, tenant, account)
    committed = await _committed(settings, position) if found.records else None
    if found.empty:
        searched = f"(of each partition's dead letters, the newest {NEWEST_LETTERS:,} were searched)"
        raise click.ClickException(f"Nothing is stored or put aside under {safe(told)} {searched}.")
    for finding in findings(found, committed):
        click.echo(json.dumps(finding) if as_json else safe(finding["says"]))


def _position(told: str, prefix: str) -> Position | None:
    """Where ID is a position: on one of the sources' topics or their dead letters'. The prefix may be left out."""
    position = read_position(told)
    if position is None:
        return None
    name = position.topic.removeprefix(prefix)
    if name.removesuffix(dead_letters_of("")) not in SOURCES.values():
        raise click.BadParameter(
            f"{safe(position.topic)} is no source's topic; those are {', '.join(SOURCES.values())}."
        )
    return position._replace(topic=f"{prefix}{name}")


async def _found(
    tracer: Tracer, told: str, position: Position | None, tenant: str | None, account: str | None
) -> Trace:
    if position is not None:
        return await tracer.position(position)
    if told.startswith("evt_"):
        return await tracer.event(told, tenant)
    if not told.isprintable():
        raise click.BadParameter("ID holds what no id has: something that cannot be printed.")
    if tenant is None:
        raise click.UsageError("This id needs --tenant: only events and positions are told apart without it.")
    try:
        return await tracer.message(told, tenant, account)
    except TooSlowError:
        message = "This tenant has too many messages to look through all: name the message's --account."
        raise click.ClickException(message) from None


async def _committed(settings: TraceSettings, position: Position | None) -> int | None:
    """Up to where the record's source has handled its partition; None if that is not known."""
    if position is None:
        return None
    name = position.topic.removeprefix(settings.topic_prefix)
    groups = [consumer_group(settings.topic_prefix, source) for source, topic in SOURCES.items() if topic == name]
    return (await committed_offsets(settings, groups)).get((position.topic, position.partition))
