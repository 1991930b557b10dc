"""The `pathbound` command as a process of its own, without the second that its start takes.

It is forked from a process that has loaded the program already, once for each worker. From there on nothing differs
from a start by hand: its own environment, standard streams, signals and exit status.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.cli.main import COMMANDS, main

_DEADLINE_S = 120
_STREAMS = (("in", "r"), ("out", "w"), ("err", "w"))
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, *(f"deploy.cli.{name}" for name in COMMANDS.values())])


def pathbound(*arguments: str, typed: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with `typed` on its standard input."""
    done = pathbound_bytes(*arguments, typed=typed.encode(), **env)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def pathbound_bytes(*arguments: str, typed: bytes = b"", **env: str) -> "subprocess.CompletedProcess[bytes]":
    """The same, with what it writes as it is."""
    with tempfile.TemporaryDirectory(prefix="pathbound-command-") as directory:
        streams = Path(directory)
        (streams / "in").write_bytes(typed)
        process = _forks.Process(target=_run, args=(arguments, {**os.environ, **env}, streams))
        process.start()
        process.join(_DEADLINE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"pathbound {' '.join(arguments)} did not end in {_DEADLINE_S} s")
        out, err = ((streams / name).read_bytes() for name in ("out", "err"))
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def _run(arguments: tuple[str, ...], env: Mapping[str, str], streams: Path) -> None:
    os.environ.clear()
    os.environ.update(env)
    sys.stdin, sys.stdout, sys.stderr = ((streams / name).open(mode) for name, mode in _STREAMS)
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        os.dup2(stream.fileno(), number)
    sys.argv = ["pathbound", *arguments]
    main()
