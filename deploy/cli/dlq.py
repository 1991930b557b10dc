"""`pathbound dlq list|show|redrive`."""

import base64
import heapq
import json
from collections.abc import Callable
from typing import Any

import click
from ulid import ULID

from consumers.erased_letters import ErasedLetters
from consumers.runtime.letters import Letter, Selection, open_letters
from consumers.runtime.redrive import Redriver, RedriveReport
from deploy.bootstrap import open_core
from deploy.cli.letter_options import described, printable, selecting
from deploy.cli.options import stop_on_signals, with_settings
from deploy.cli.progress import Progress
from deploy.cli.tables import print_table, safe
from schemas.positions import Position, read_position
from schemas.timestamps import iso_millis
from schemas.topics import SOURCES, dead_letters_of
from service.settings import KafkaSettings, MongoSettings

_SHOWN_BYTES = 16 * 1024

AskedFor = Callable[[KafkaSettings], Selection]


class DlqSettings(MongoSettings, KafkaSettings):
    """What redriving needs."""


@click.group()
def dlq() -> None:
    """List, show and send again the records that could not be handled.

    They are kept on <topic>.dlq with their bytes, and headers that say what was wrong, and where they came from.
    """


@dlq.command(name="list")
@selecting
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest ones of them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_settings(KafkaSettings)
async def list_letters(settings: KafkaSettings, asked: AskedFor, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first: where, when, where from, why, how large."""
    newest: list[tuple[str, Position, dict[str, Any]]] = []
    count = 0
    async with open_letters(settings) as reader:
        async for letter in reader.select(asked(settings), Progress("looked at")):
            count += 1
            # Without the value, so that any number of them may be looked through.
            entry = (iso_millis(letter.at), letter.position, described(letter))
            (heapq.heappush if len(newest) < limit else heapq.heappushpop)(newest, entry)
    found = [told for _, _, told in sorted(newest, key=lambda entry: entry[:2])]
    if as_json:
        for told in found:
            click.echo(json.dumps(told))
        return
    if not found:
        click.echo("There are no such dead letters.", err=True)
        return
    print_table(("POSITION", "WHEN", "CAME FROM", "BYTES", "REASON"), [_row(told) for told in found])
    if count > len(found):
        click.echo(f"The newest {len(found):,} of {count:,}; --limit shows more.", err=True)


def _row(told: dict[str, Any]) -> tuple[object, ...]:
    reason = f"{told['reason']} (value omitted)" if told["omitted"] else told["reason"]
    return told["position"], told["at"], told["original_position"] or "?", told["bytes"], reason


@dlq.command()
@click.argument("position")
@click.option("--raw", is_flag=True, help="Write the value's bytes to stdout, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, bytes in base64.")
@with_settings(DlqSettings)
async def show(settings: DlqSettings, position: str, raw: bool, as_json: bool) -> None:
    """Show one dead letter whole: POSITION is as `dlq list` gives it, topic:partition:offset.

    Not one that tells of somebody who was erased.
    """
    where = _letter_position(settings, position)
    async with open_letters(settings) as reader:
        letter = await reader.get(where)
    if letter is None:
        raise click.ClickException(f"There is no dead letter at {where}; `pathbound dlq list` shows where there are.")
    async with open_core(settings) as core:
        if await ErasedLetters(core.store, core.guard).among([letter]):
            raise click.ClickException("This dead letter tells of somebody who was erased, and is not shown any more.")
    if raw:
        if letter.value is None:
            raise click.ClickException(_no_value(letter))
        click.echo(letter.value, nl=False)
    elif as_json:
        click.echo(json.dumps(_whole(letter)))
    else:
        _print_letter(letter)


def _letter_position(settings: KafkaSettings, text: str) -> Position:
    """A position on one of our dead letter topics; the prefix may be left out."""
    position = read_position(text)
    if position is not None:
        name = position.topic.removeprefix(settings.topic_prefix)
        if name in map(dead_letters_of, SOURCES.values()):
            return position._replace(topic=f"{settings.topic_prefix}{name}")
    raise click.BadParameter("POSITION must be like tracker.events.dlq:0:17, as `pathbound dlq list` gives it.")


def _no_value(letter: Letter) -> str:
    if letter.omitted is None:
        return "The record has no value."
    return f"The letter does not hold the value: its {letter.omitted:,} bytes are at {letter.original}, if still kept."


def _whole(letter: Letter) -> dict[str, Any]:
    def encoded(value: bytes | None) -> str | None:
        return None if value is None else base64.b64encode(value).decode()

    headers = [[name, encoded(value)] for name, value in letter.headers]
    return described(letter) | {"key": encoded(letter.key), "value": encoded(letter.value), "headers": headers}


def _print_letter(letter: Letter) -> None:
    def text(value: bytes | None) -> str:
        return "(none)" if value is None else safe(value.decode("utf-8", "backslashreplace"))

    click.echo(f"{letter.position}, put aside {iso_millis(letter.at)}")
    for name, value in letter.headers:
        click.echo(f"  {safe(name)}: {text(value)}")
    click.echo(f"  key: {text(letter.key)}")
    if letter.value is None:
        click.echo(_no_value(letter))
        return
    shown, left_off = printable(letter.value, _SHOWN_BYTES)
    click.echo(f"\n{shown}")
    if left_off:
        click.echo(f"... and {left_off:,} bytes more; --raw writes all of them.", err=True)


@dlq.command()
@selecting
@click.option("--limit", type=click.IntRange(1), help="Send at most so many, the oldest of each partition first.")
@click.option("--with-erased", is_flag=True, help="Also those that tell of erased persons, for others in them.")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@with_settings(DlqSettings)
async def redrive(
    settings: DlqSettings, asked: AskedFor, limit: int | None, with_erased: bool, dry: bool, as_json: bool
) -> None:
    """Send dead letters to where they came from, with their own bytes, key and headers.

    Safe to repeat, and to interrupt: what was sent is not sent again. Only a run that is killed may leave up to 100
    letters that a later run sends once more; their events are stored once all the same. Letters that tell of somebody
    who was erased are left where they are; nothing of that person would be stored in any case.
    """
    stop = stop_on_signals()
    report = RedriveReport()
    async with open_core(settings) as core, open_letters(settings) as reader:
        erased_among = None if with_erased else ErasedLetters(core.store, core.guard).among
        redriver = Redriver(settings, core.store.redrives, str(ULID()), erased_among)
        letters = reader.select(asked(settings), Progress("gone through"))
        async for so_far in redriver(letters, limit, stop, dry=dry):
            report = so_far
    if as_json:
        click.echo(json.dumps({name: getattr(report, name) for name in RedriveReport.__slots__}))
        return
    click.echo(f"{'Would send' if dry else 'Sent'} {report.sent:,} dead letters.")
    for line in _reservations(report):
        click.echo(line)


def _reservations(report: RedriveReport) -> list[str]:
    told = {
        "were sent before, and are not sent again.": report.sent_before,
        "are in the hands of another run, or of one that died within the last minute: repeat this later.": report.held,
        "do not hold their value (it was too large beside the headers), and cannot be sent.": report.omitted,
        "are larger than their topic takes now.": report.too_large,
        "do not say where they came from, and cannot be sent.": report.strangers,
        "tell of somebody who was erased, and are not sent (but with --with-erased).": report.erased,
    }
    return [f"{count:,} {what}" for what, count in told.items() if count]
