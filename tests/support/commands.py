"""The `pathbound` command as a process of its own, without the second that its start takes.

It is forked from a process that has loaded the program already, once for each worker. From there on nothing differs
from a start by hand: its own environment, standard streams, signals and exit status.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from deploy.cli.main import COMMANDS, main
from deploy.stack.processes import ManagedProcess

_DEADLINE_S = 120
_PROGRAM = (sys.executable, "-m", "deploy.cli.main")
_PR_SET_PDEATHSIG = 1
_STREAMS = (("in", "r"), ("out", "w"), ("err", "w"))
_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, *(f"deploy.cli.{name}" for name in COMMANDS.values())])


def environment(
    mongo_url: str, mongo_database: str, kafka_bootstrap: str, topic_prefix: str, **more: str
) -> dict[str, str]:
    """What a command is told to find its database and its topics."""
    return {
        "PATHBOUND_MONGO_URL": mongo_url,
        "PATHBOUND_MONGO_DATABASE": mongo_database,
        "PATHBOUND_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "PATHBOUND_TOPIC_PREFIX": topic_prefix,
        **more,
    }


def pathbound(*arguments: str, typed: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with `typed` on its standard input."""
    done = pathbound_bytes(*arguments, typed=typed.encode(), **env)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def pathbound_bytes(*arguments: str, typed: bytes = b"", **env: str) -> "subprocess.CompletedProcess[bytes]":
    """The same, with what it writes as it is."""
    with tempfile.TemporaryDirectory(prefix="pathbound-command-") as directory:
        streams = Path(directory)
        (streams / "in").write_bytes(typed)
        files = [(streams / name, mode) for name, mode in _STREAMS]
        process = _forks.Process(target=_become, args=(arguments, {**os.environ, **env}, files))
        process.start()
        process.join(_DEADLINE_S)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"pathbound {' '.join(arguments)} did not end in {_DEADLINE_S} s")
        out, err = ((streams / name).read_bytes() for name in ("out", "err"))
        return subprocess.CompletedProcess(arguments, process.exitcode, out, err)


def begun(*arguments: str, env: Mapping[str, str], **streams: Any) -> "subprocess.Popen[str]":
    """The same, begun: a test goes on beside it, and awaits its end by `with`. `streams` are as Popen takes them."""
    return subprocess.Popen([*_PROGRAM, *arguments], env={**os.environ, **env}, text=True, **streams)


def in_bash(line: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """A line of bash to its end, in which PATHBOUND stands for the command."""
    line = line.replace("PATHBOUND", " ".join(_PROGRAM))
    environment = {**os.environ, **env}
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)


class RunningCommand(ManagedProcess):
    """One that runs until it is stopped or killed, and writes into its log; dies with this process."""

    def __init__(self, name: str, arguments: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        super().__init__(name, arguments, log=log, env=env)

    def _fork(self, output: int) -> "subprocess.Popen[bytes]":
        files = [(Path(os.devnull), "r"), (self.log, "a"), (self.log, "a")]
        process = _forks.Process(target=_become, args=(self.argv, self._env, files), daemon=True)
        process.start()
        return cast("subprocess.Popen[bytes]", _Forked(process))


class _Forked:
    """What is needed of Popen. A command has no children, so that its process group is itself."""

    def __init__(self, process: "multiprocessing.context.ForkServerProcess") -> None:
        self._process = process
        self.pid = cast("int", process.pid)
        self.terminate = process.terminate

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        """Comes after a kill, which misses one that has not become a group yet."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode


def _become(arguments: Sequence[str], env: Mapping[str, str], files: Sequence[tuple[Path, str]]) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    os.environ.clear()
    os.environ.update(env)
    sys.stdin, sys.stdout, sys.stderr = (path.open(mode) for path, mode in files)
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        os.dup2(stream.fileno(), number)
    sys.argv = ["pathbound", *map(str, arguments)]  # scopes, say, are texts of their own kind
    main()
