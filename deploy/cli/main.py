"""`pathbound`: one command for everything."""

import errno
import importlib
import os
import sys
from pathlib import Path

import click

_NAMED_AS_THEIR_MODULE = (
    "api asyncapi configuration consume dlq erase export feed init keys ledger openapi profiles relay "
    "rewind seed send trace up webhooks"
).split()
COMMANDS = {name: name for name in _NAMED_AS_THEIR_MODULE} | {"import": "import_contacts"}
"""The module beside this one that each is in, as the object of the module's name. (`import` is a word of Python's.)"""


class _Commands(click.Group):
    """Loads a command when it is asked for: none needs all the libraries, and a start has a third less to do."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        module = COMMANDS.get(name)
        if module is None:
            return None
        found: click.Command = getattr(importlib.import_module(f"deploy.cli.{module}"), module)
        return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="pathbound-contacts", prog_name="pathbound")
def pathbound() -> None:
    """Pathbound Contacts: a contacts service with an HTTP API, a change feed on Kafka, and timelines that visitor
    events are stitched into.

    Every option is also an environment variable (named in each command's --help); options win.
    """


def _open_what_is_closed() -> None:
    """A standard stream whose descriptor is closed is None, which logging and others trip over, and the next connection
    would get the descriptor. Opened in this order, each gets its own."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays open


def main() -> None:
    """The entry point."""
    _open_what_is_closed()
    try:
        pathbound(prog_name="pathbound", auto_envvar_prefix=None)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        # What is left in its buffer would fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(
            "Error: The disk is full: not all was written. What was done by then is done: look before you repeat it."
        )


if __name__ == "__main__":
    main()
