"""Options that say which dead letters are meant, and what is printed of a letter."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from consumers.runtime.letters import Letter, Selection
from deploy.cli.tables import safe
from schemas.timestamps import iso_millis, read_instant
from schemas.topics import SOURCES, dead_letters_of
from service.settings import KafkaSettings

_Command = Callable[..., Any]


def selecting(function: _Command) -> _Command:
    """Add the options; the command gets them as `asked`, a function from its settings to the selection."""

    @functools.wraps(function)
    def command(*arguments: Any, **given: Any) -> Any:
        names = ("topic", "partition", "offset", "reason", "since", "until")
        chosen = {name: given.pop(name) for name in names}
        if chosen["offset"] is not None and (chosen["partition"] is None or chosen["topic"] is None):
            raise click.UsageError("--offset needs --topic and --partition: offsets count within one partition.")
        return function(*arguments, asked=functools.partial(_selection, **chosen), **given)

    decorated: _Command = command
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _instant(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    try:
        return None if value is None else read_instant(value)
    except ValueError:
        message = "must be an ISO 8601 instant such as 2026-11-23T09:30Z (no offset means UTC)"
        raise click.BadParameter(message) from None


_OPTIONS = [
    click.option("--topic", type=click.Choice(list(SOURCES.values())), help="Letters of this source's topic only."),
    click.option("--partition", type=click.IntRange(0), help="Of this partition of the dead letter topic."),
    click.option("--offset", type=click.IntRange(0), help="The one at this offset there."),
    click.option("--reason", help="With this in their reason, whatever the case."),
    click.option("--since", callback=_instant, metavar="INSTANT", help="Put aside then or later (ISO 8601)."),
    click.option("--until", callback=_instant, metavar="INSTANT", help="Put aside before then."),
]


def _selection(settings: KafkaSettings, topic: str | None, **chosen: Any) -> Selection:
    topics = SOURCES.values() if topic is None else (topic,)
    return Selection(tuple(f"{settings.topic_prefix}{dead_letters_of(one)}" for one in topics), **chosen)


def described(letter: Letter) -> dict[str, Any]:
    """A letter without its value, for JSON."""
    original = letter.original
    return {
        "position": str(letter.position),
        "at": iso_millis(letter.at),
        "original_position": str(original) if original else None,
        "reason": letter.reason,
        "error_class": letter.told("error-class"),
        "consumer": letter.told("consumer"),
        "original_at": letter.told("original-timestamp"),
        "bytes": letter.size,
        "omitted": letter.omitted is not None,
    }


def printable(value: bytes, at_most: int) -> tuple[str, int]:
    """A value's beginning as lines that a terminal shows as they are, and how many bytes were left off."""
    shown = value[:at_most]
    lines = shown.decode("utf-8", "backslashreplace").split("\n")
    return "\n".join(map(safe, lines)), len(value) - len(shown)
