"""`pathbound up`: the whole system on one machine, until Ctrl-C."""

import contextlib
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from deploy.stack import LocalStack, StackError, StackStopped
from deploy.stack.directory import write_private
from deploy.stack.errors import explain
from deploy.stack.ports import HOST, port_is_free
from deploy.stack.services import Services
from deploy.stack.welcome import Welcome

_LOOK_EVERY_S = 0.25
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class _Options:
    data_dir: Path
    port: int
    mongo_url: str | None
    kafka_bootstrap: str | None


class _Console:
    """One line for each step, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, line: str) -> None:
        self.print(f"[{time.monotonic() - self._started:5.1f} s] {line}")

    def print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that has gone must not keep us from stopping the rest
            click.echo(text)


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=".data",
    envvar="PATHBOUND_DATA_DIR",
    show_default=True,
    show_envvar=True,
    help="Where the servers keep data and logs, and where stack.json appears once everything is ready.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8080,
    envvar="PATHBOUND_API_PORT",
    show_default=True,
    show_envvar=True,
    help="Loopback port of the HTTP API.",
)
@click.option(
    "--mongo-url",
    envvar="PATHBOUND_MONGO_URL",
    show_envvar=True,
    show_default="start one here",
    help="Use this MongoDB (a replica set) instead of starting one.",
)
@click.option(
    "--kafka-bootstrap",
    envvar="PATHBOUND_KAFKA_BOOTSTRAP",
    show_envvar=True,
    show_default="start one here",
    help="Use the Kafka at these addresses (host:port,...) instead of starting one.",
)
def up(data_dir: Path, port: int, mongo_url: str | None, kafka_bootstrap: str | None) -> None:
    """Start everything on this machine, until Ctrl-C.

    Starts MongoDB and Kafka (unless addresses are given), creates topics and indexes, starts the API, the outbox relay
    and the consumers of visits, Gmail and Intercom, and prints a development API key and three commands to try. Data
    survives a restart.
    PATHBOUND_STACK_KAFKA (auto, local, container, mock), PATHBOUND_STACK_MONGO (auto, local, container) and
    PATHBOUND_CACHE_DIR choose where the servers come from.
    """
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    previous = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        _run(_Options(data_dir, port, mongo_url or None, kafka_bootstrap or None), stopping, _Console())
    except StackStopped:
        pass
    except StackError as error:
        with contextlib.suppress(OSError):
            click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(options: _Options, stopping: threading.Event, console: _Console) -> None:
    stack = LocalStack(
        options.data_dir,
        mongo_url=options.mongo_url,
        kafka_bootstrap=options.kafka_bootstrap,
        progress=console.say,
        stopping=stopping,
    )
    stack.directory.claim()
    ready = stack.directory.path / "stack.json"
    try:
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(stack.stop)
            ready.unlink(missing_ok=True)  # left by a kill -9: its presence means that everything is ready
            _require_free(options.port)
            _start_and_watch(stack, options.port, ready, stopping, console, cleanup)
    except OSError as error:
        raise explain(error, "Running the local stack", stack.directory.path) from error
    finally:
        console.say("Everything has stopped.")


def _start_and_watch(
    stack: LocalStack,
    port: int,
    ready: Path,
    stopping: threading.Event,
    console: _Console,
    cleanup: contextlib.ExitStack,
) -> None:
    console.say("Starting MongoDB and Kafka ...")
    addresses = stack.start()
    services = Services(stack.directory, addresses, port, stopping)
    cleanup.callback(services.stop)  # called before stack.stop: last in, first out
    console.say("Creating topics and indexes ...")
    try:
        services.init()
        console.say("Starting the API, the outbox relay and the consumers ...")
        services.start()
    except StackError:
        stack.check()  # where a server has died, that is why, and what must be mended
        raise
    welcome = Welcome(stack, services, addresses, f"http://{HOST}:{port}", services.development_key())
    cleanup.callback(ready.unlink, missing_ok=True)
    write_private(ready, welcome.stack_json())
    console.say("Everything is ready.")
    console.print(welcome.banner())
    terminal_is_gone = _watch_terminal()
    while not stopping.wait(_LOOK_EVERY_S) and not terminal_is_gone():
        stack.check()
        services.check()
    console.say("Stopping ...")


def _watch_terminal() -> Callable[[], bool]:
    """A function that is true once the terminal, if there is one now, has hung up. The signal for it may not reach us:
    `make` keeps it to itself where it leads the session, as over `ssh -t`."""
    look = select.poll()
    with contextlib.suppress(OSError, ValueError):  # output that is no file at all
        if sys.stdout.isatty():
            look.register(sys.stdout.fileno(), 0)
    return lambda: any(event & select.POLLHUP for _, event in look.poll(0))


def _require_free(port: int) -> None:
    if not port_is_free(port):
        raise StackError(
            f"Port {port} on {HOST} is taken by another program. Stop that one, or choose another port with --port."
        )
