"""What a command says while it takes long."""

import time

import click

_EVERY_SECONDS = 2.0


class NowAndThen:
    """Lines on stderr, of which those are left out that come soon after another."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def say(self, line: str) -> None:
        if time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            click.echo(line, err=True)


class Progress(NowAndThen):
    """How many dead letters (or others) were looked at, of how many."""

    def __init__(self, done: str, what: str = "dead letters") -> None:
        super().__init__()
        self._done = f"{what} {done}"

    def __call__(self, seen: int, total: int) -> None:
        self.say(f"{seen:,} of {total:,} {self._done} ...")
