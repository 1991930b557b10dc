"""`pathbound import`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from deploy.bootstrap import open_core
from deploy.cli.options import stop_on_signals, tenant_option, with_settings
from deploy.cli.progress import Progress
from deploy.cli.tables import safe
from deploy.transfer.columns import PROPERTIES, Columns
from deploy.transfer.faults import FaultFile, FaultFileError
from deploy.transfer.records import FileFaultError, RecordFile
from deploy.transfer.rows import ContactFile, ReadingStoppedError
from service.contacts.context import Caller
from service.errors import ContendedError, ImportMovedError
from service.ids import new_traceparent
from service.imports.model import ImportKey, ImportProgress
from service.imports.run import ContactImporter
from service.settings import MongoSettings

SOME_REFUSED = 3
"""Exit status: all is done, and rows were refused."""


def _given(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.rpartition("=") for value in values]
    if any(not column or not separator for column, separator, _ in pairs):
        raise click.BadParameter('write it as "Column=email", or as "Column=" to leave the column out')
    return {column.strip(): target.strip() for column, _, target in pairs}


@click.command(name="import")
@tenant_option("Whose contacts they are.", required=True)
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--map",
    "given",
    multiple=True,
    callback=_given,
    help='What a column is, as in "E-Mail=email" or "Stage=lifecyclestage": email, visitor_ids, company_id, properties '
    '(a JSON object) or a property. "Notes=" leaves a column out. Give it once for each.',
)
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), help="What FILE is; else its name says so.")
@click.option("--delimiter", default=",", show_default=True, help="Of a CSV file: one character.")
@click.option("--clear-empty", is_flag=True, help="An empty CSV cell removes the property; else it changes nothing.")
@click.option("--dry-run", is_flag=True, help="Only tell what would become of the rows.")
@click.option("--start-over", is_flag=True, help="Import all of it, though this or a part of it was done before.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Else FILE.errors.jsonl.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@with_settings(MongoSettings)
async def import_contacts(
    settings: MongoSettings,
    tenant: str,
    path: Path,
    given: dict[str, str],
    kind: str | None,
    delimiter: str,
    clear_empty: bool,
    dry_run: bool,
    start_over: bool,
    errors: Path | None,
    as_json: bool,
) -> None:
    """Create contacts from FILE (CSV with a header, or JSON Lines; UTF-8), or merge them into those with the same
    e-mail address.

    Each row is validated, stored and told as the API would: events on contacts.changes, timelines, and what was stored
    under its e-mail address or visitor ids joins it. A row that changes nothing tells nothing. Columns named like
    properties (First Name, E-Mail, …) are found by themselves; what else there is becomes a property of that name. JSON
    Lines hold what POST /v1/contacts takes, or what `pathbound export` wrote.

    The file is read to its end before anything is written: where its encoding or quoting is doubtful, nothing is. Rows
    that are refused do not keep the others back; they are listed in the file of errors, by line, with reasons. The same
    command again goes on where an import was cut off, and does nothing where it was finished.

    Exit status: 0 all is imported, 3 all but the rows that were refused, 1 stopped or not possible, 2 wrong usage.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise click.UsageError("--delimiter must be one character; in most shells a tab is written $'\\t'.")
    file = RecordFile(path, is_csv=_is_csv(path, kind), delimiter=delimiter)
    contacts = ContactFile(file, Columns(given), clear_empty)
    errors = errors or path.with_name(f"{path.name}{'.dry-run' if dry_run else ''}.errors.jsonl")
    _check_files(path, errors)
    stop = stop_on_signals()
    with _told_in_a_sentence(), closing(_opened(errors)) as faults:
        total = await asyncio.to_thread(contacts.check, stop.is_set)
        _tell_columns(file, contacts.columns)
        async with open_core(settings) as core:
            await core.guard.check(core.store)
            run = _Run(core.import_contacts, contacts, total, faults, stop)
            done = await run.preview(tenant) if dry_run else await run(tenant, start_over=start_over)
    progress = run.progress
    click.echo(json.dumps(_object(progress, dry_run, done)) if as_json else _summary(progress, faults, dry_run))
    if not done:
        click.echo("Stopped. The same command goes on from here.", err=True)
        sys.exit(1)
    sys.exit(SOME_REFUSED if progress.refused else 0)


@contextmanager
def _told_in_a_sentence() -> Iterator[None]:
    try:
        yield
    except FileFaultError as fault:
        raise click.ClickException(f"{safe(str(fault))} Nothing was imported.") from None
    except ReadingStoppedError:
        raise click.ClickException("Stopped while the file was looked through: nothing was imported.") from None
    except ImportMovedError:
        raise click.ClickException("Another process imports the same file at this moment; let it finish.") from None
    except ContendedError:
        sentence = "Too many others change these contacts; the same command goes on from here."
        raise click.ClickException(sentence) from None
    except FaultFileError as fault:
        raise click.ClickException(f"{fault} The same command goes on from here.") from None


def _check_files(path: Path, errors: Path) -> None:
    if not path.is_file():
        raise click.UsageError("FILE is a pipe, and an import reads it more than once: write it to the disk first.")
    if errors.exists() and errors.samefile(path):
        raise click.UsageError("--errors is FILE itself, which would be lost: name another file.")
    if errors.exists() and not errors.is_file():
        raise click.UsageError(f"--errors: {errors} is no ordinary file; name one.")
    if not errors.parent.is_dir():
        raise click.UsageError(f"--errors: there is no directory {errors.parent}; make it, or name another file.")


def _opened(errors: Path) -> FaultFile:
    try:
        return FaultFile(errors)
    except FaultFileError as fault:
        raise click.UsageError(f"--errors: {fault}") from None


def _is_csv(path: Path, kind: str | None) -> bool:
    said = kind or {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}.get(path.suffix.lower())
    if said is None:
        raise click.UsageError("FILE is named neither .csv nor .jsonl: say which it is with --format.")
    return said == "csv"


def _tell_columns(file: RecordFile, columns: Columns) -> None:
    for name, target in columns.check(file.header() or []).items() if file.is_csv else ():
        told = "left out" if not target else target if target == PROPERTIES else f"→ {target}"
        click.echo(f"  {safe(name)} {told}", err=True)


class _Run:
    """One run of the command: it shows how far it is, and keeps the file of errors beside it."""

    def __init__(
        self, importer: ContactImporter, contacts: ContactFile, total: int, faults: FaultFile, stop: asyncio.Event
    ) -> None:
        self.progress = ImportProgress()
        self._import = importer
        self._contacts = contacts
        self._total = total
        self._faults = faults
        self._line = Progress("done", "rows")
        self._stop = stop

    async def __call__(self, tenant: str, *, start_over: bool) -> bool:
        """Whether it came to its end."""
        key = ImportKey(tenant, await asyncio.to_thread(self._contacts.digest, self._stop.is_set))
        if start_over:
            await self._import.start_over(key)
        before = None if start_over else await self._import.started(key)
        if before is None:
            self._faults.begin()
        else:
            self.progress = before
            self._faults.go_on(before)
            if before.finished_at:
                click.echo("This file was imported already; --start-over imports it again.", err=True)
                return True
            click.echo(f"Going on behind {before.rows:,} rows; --start-over begins anew.", err=True)
        caller = Caller(tenant, actor=None, request_id=None, traceparent=new_traceparent())
        try:
            return await self._shown(lambda: self._import(key, caller, self._contacts.rows, self._told, self._stop))
        except FileFaultError as fault:
            if not self.progress.rows:
                raise
            sentence = f"{safe(str(fault))} The first {self.progress.rows:,} rows are imported."
            raise click.ClickException(sentence) from None

    async def preview(self, tenant: str) -> bool:
        self._faults.begin()
        caller = Caller(tenant, actor=None, request_id=None)
        return await self._shown(lambda: self._import.preview(caller, self._contacts.rows, self._told, self._stop))

    async def _shown(self, work: Callable[[], Awaitable[bool]]) -> bool:
        with click.progressbar(length=self._total, label="Rows", show_pos=True, file=sys.stderr, width=0) as self._bar:
            self._bar.update(self.progress.rows)
            return await work()

    def _told(self, progress: ImportProgress) -> None:
        self._faults.add(progress)
        self._bar.update(progress.rows - self.progress.rows)
        self.progress = progress
        if not sys.stderr.isatty():
            self._line(progress.rows, self._total)


def _object(progress: ImportProgress, dry_run: bool, finished: bool) -> dict[str, object]:
    counts = {name: getattr(progress, name) for name in ("rows", "created", "updated", "unchanged", "refused")}
    return {**counts, "dry_run": dry_run, "finished": finished}


def _summary(progress: ImportProgress, faults: FaultFile, dry_run: bool) -> str:
    told = (
        f"{progress.rows:,} rows: {progress.created:,} created, {progress.updated:,} updated, "
        f"{progress.unchanged:,} unchanged, {progress.refused:,} refused."
    )
    if progress.refused:
        told += f" Why: {faults.path}"
    return f"Dry run, nothing was written. {told}" if dry_run else told
