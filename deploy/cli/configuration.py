"""`pathbound configuration`: the settings as their models declare them, for deploy/docs/configuration.md."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import click
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from deploy.cli.options import settings_of
from service.settings import ReadableFile, Settings

COMMITTED = Path(__file__).parents[1] / "docs" / "configuration.md"
_FILE_METADATA = get_args(ReadableFile)[1]
_TYPES = {int: "whole number", float: "number", bool: "true or false", SecretStr: "text, secret", str: "text"}
_INTRODUCTION = """\
# Configuration

Every setting is an environment variable and an option of the commands that use it; the option wins. It is checked when
the process starts: a value that cannot be used ends in one sentence and exit status 2, and a variable whose name is
nearly a setting's is told in the log (`variable_unknown`). Values marked *secret* appear in
no log, no error and no traceback; passwords are best read from files. `pathbound up`, which starts everything on one
machine, has options of its own (`pathbound up --help`) and hands the settings here on.

This file is written by `make configuration` from `service/settings.py`; a test holds it to that.
"""


@click.command()
@click.option("--write", is_flag=True, help="Write it to deploy/docs/configuration.md of this checkout instead.")
@click.pass_context
def configuration(context: click.Context, write: bool) -> None:
    """Print every setting: variable, option, type, default, what it is for, and which commands use it."""
    text = reference_of(context.find_root().command)
    if not write:
        click.echo(text, nl=False)
        return
    COMMITTED.write_text(text)
    click.echo(f"Wrote {COMMITTED}.")


def reference_of(root: click.Command) -> str:
    """The whole page, from the commands and the settings that each takes."""
    used = {name: model for name, command in commands_of(root) if (model := settings_of(command)) is not None}
    sections = [_section(part, used) for part in _parts(used.values())]
    return "\n".join([_INTRODUCTION, *sections])


def commands_of(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by all of its words."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        if (child := command.get_command(context, word)) is not None:
            yield from commands_of(child, f"{name} {word}".strip())


def _parts(models: Any) -> list[type[Settings]]:
    """The classes that declare settings, those that more specific ones are made of first."""
    found = {part: None for model in models for part in reversed(inspect.getmro(model)) if issubclass(part, Settings)}
    return [part for part in sorted(found, key=_place) if _own_fields(part)]


def _place(part: type[Settings]) -> tuple[str, int]:
    """In the order of the file."""
    return part.__module__, inspect.getsourcelines(part)[1]


def _own_fields(part: type[Settings]) -> dict[str, FieldInfo]:
    return {name: part.model_fields[name] for name in inspect.get_annotations(part) if name in part.model_fields}


def _section(part: type[Settings], used: dict[str, type[Settings]]) -> str:
    commands = [f"`{name}`" for name, model in used.items() if issubclass(model, part)]
    who = "every command that has settings" if len(commands) == len(used) else ", ".join(commands)
    rows = [_row(name, info) for name, info in _own_fields(part).items()]
    head = "| variable | option | type | default | what it is for |\n|---|---|---|---|---|"
    return f"## {(part.__doc__ or part.__name__).strip()}\n\nUsed by {who}.\n\n{head}\n" + "\n".join(rows) + "\n"


def _row(name: str, info: FieldInfo) -> str:
    option = f"--{name.replace('_', '-')}"
    if info.annotation is bool:
        option += f"`, `--no-{name.replace('_', '-')}"
    cells = [f"`PATHBOUND_{name.upper()}`", f"`{option}`", _type(info), _default(info), str(info.description)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(info: FieldInfo) -> str:
    if get_origin(info.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(info.annotation))
    if _FILE_METADATA in info.metadata:
        return "file"
    return _TYPES[info.annotation] + "".join(_bounds(info)) if info.annotation in _TYPES else str(info.annotation)


def _bounds(info: FieldInfo) -> Iterator[str]:
    for one in info.metadata:
        if isinstance(one, annotated_types.Ge):
            yield f", {one.ge} or more"
        elif isinstance(one, annotated_types.Gt):
            yield f", more than {one.gt}"
        elif isinstance(one, annotated_types.Le):
            yield f", {one.le} at most"


def _default(info: FieldInfo) -> str:
    value = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
    return "" if value == "" else f"`{str(value).lower() if isinstance(value, bool) else value}`"
