"""`pathbound export contacts|events`."""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from deploy.bootstrap import open_core
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from deploy.transfer.export import (
    CONTACT_COLUMNS,
    EVENT_COLUMNS,
    contact_cells,
    csv_lines,
    event_cells,
    json_lines,
    written_whole,
)
from schemas.timestamps import iso_millis, read_instant
from service.contacts.view import contact_object
from service.export.walk import Exporter, Place
from service.settings import MongoSettings
from service.timeline.view import event_object

Objects = AsyncIterator[tuple[list[dict[str, Any]], Place]]
"""Portions, and the place behind each."""


@dataclass(frozen=True, slots=True)
class _Table:
    what: str
    columns: Sequence[str]
    cells: Callable[[Mapping[str, Any]], list[str]]


def _place(_: click.Context, __: click.Parameter, value: str | None) -> Place | None:
    if value is None:
        return None
    moment, _slash, last = value.partition("/")
    try:
        return Place(read_instant(moment), last)
    except ValueError:
        raise click.BadParameter("give what an export said when it was stopped, 2026-11-25T09:00:00.000Z/…") from None


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--after",
            callback=_place,
            help="Go on, without a header, behind the place where one stopped.",
        ),
        click.option(
            "--output",
            type=click.Path(dir_okay=False, writable=True, path_type=Path),
            help="Write this file, which is there once it is whole; else standard output.",
        ),
        click.option(
            "--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="Of what."
        ),
        tenant_option("Whose.", required=True),
    ):
        command = option(command)
    return command


@click.group()
def export() -> None:
    """Write all contacts or all events of a tenant, in bounded memory."""


@export.command()
@_options
@with_settings(MongoSettings)
async def contacts(settings: MongoSettings, tenant: str, kind: str, output: Path | None, after: Place | None) -> None:
    """Contacts as the API shows them, in the order of their creation. `pathbound import` takes them again.

    In CSV a property with a name of its own has a column, the others are one JSON object in the column `properties`. A
    cell that a spreadsheet would take for a formula (= + - @) begins with an apostrophe, which an import takes off.
    """

    async def objects(exporter: Exporter) -> Objects:
        async for portion in exporter.contacts(tenant, after):
            last = portion[-1][0]
            yield [contact_object(*one) for one in portion], Place(last.created_at, last.contact_id)

    await _export(settings, objects, _Table("contacts", CONTACT_COLUMNS, contact_cells), kind, output, after)


@export.command()
@_options
@with_settings(MongoSettings)
async def events(settings: MongoSettings, tenant: str, kind: str, output: Path | None, after: Place | None) -> None:
    """Events of all timelines as the API shows them, in the order of their arrival; also those of unknown visitors."""

    async def objects(exporter: Exporter) -> Objects:
        async for portion in exporter.events(tenant, after):
            yield [event_object(one) for one in portion], Place(portion[-1].received_at, portion[-1].event_id)

    await _export(settings, objects, _Table("events", EVENT_COLUMNS, event_cells), kind, output, after)


async def _export(
    settings: MongoSettings,
    objects: Callable[[Exporter], Objects],
    table: _Table,
    kind: str,
    output: Path | None,
    after: Place | None,
) -> None:
    stop, count = stop_on_signals(), 0
    async with open_core(settings) as core:
        with _sink(output) as file:
            if kind == "csv" and after is None:
                file.write(csv_lines([table.columns]))
            async for portion, place in objects(core.export):
                file.write(csv_lines(map(table.cells, portion)) if kind == "csv" else json_lines(portion))
                count += len(portion)
                if stop.is_set():
                    raise _stopped(place, output)
            file.flush()
    click.echo(f"{count:,} {table.what}.", err=True)


def _stopped(place: Place, output: Path | None) -> click.ClickException:
    if output:
        return click.ClickException(f"Stopped: {output} is as it was.")
    return click.ClickException(f"Stopped. What is missing: --after {iso_millis(place.at)}/{place.id}")


@contextmanager
def _sink(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        with _told_if_unwritable("Standard output"):
            yield sys.stdout.buffer
        return
    target = output.resolve()
    if target.exists() and not target.is_file():
        raise click.UsageError(
            f"{output} is no ordinary file, and would be replaced by one: use > in place of --output."
        )
    with _told_if_unwritable(str(output)), written_whole(target) as file:
        yield file


@contextmanager
def _told_if_unwritable(where: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read it has enough
    except OSError as error:
        raise click.ClickException(f"{where} cannot be written: {error.strerror}.") from None
