"""What a command says while it takes long."""

import time

import click

_EVERY_SECONDS = 2.0


class Progress:
    """A line on stderr now and then: how many dead letters (or others) were looked at, of how many."""

    def __init__(self, done: str, what: str = "dead letters") -> None:
        self._done = f"{what} {done}"
        self._told = time.monotonic()

    def __call__(self, seen: int, total: int) -> None:
        if time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            click.echo(f"{seen:,} of {total:,} {self._done} ...", err=True)
