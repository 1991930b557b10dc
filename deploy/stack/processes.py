"""Child processes that are watched, logged to a file, and never outlive this process.

Each child leads a session of its own, so that Ctrl-C at the terminal reaches only the supervisor, which then stops the
children in order. On Linux the kernel also kills a child when its parent dies (PR_SET_PDEATHSIG), so that a `kill -9`
of the supervisor leaves nothing behind.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.stack.errors import NO_SPACE, ProcessDied, StackError, StackStopped, explain

POLL_S = 0.05
LOG_LIMIT_BYTES = 20_000_000
TAIL_LINES = 6
_TAIL_BYTES = 8_000
_CAUSE_BYTES = 200_000
"""How far back a full disk is looked for: Kafka names every partition, several times, before it ends of it."""

# Runs in the child and then becomes the program. (subprocess's preexec_fn is unsafe, and deprecated, beside threads.)
_TIE_TO_PARENT = """
import ctypes, os, resource, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
if os.getppid() != int(sys.argv[1]):  # the parent died before the line above took effect
    os._exit(1)
# Often 1,024, which is not enough files for mongod and ends it.
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    print(f"cannot run {sys.argv[2]}: {error.strerror}", file=sys.stderr)
    os._exit(127)
"""

# The kernel's death signal follows the *thread* that forked, so one thread, as long-lived as we are, forks for all.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


class ManagedProcess:
    """One program. May be started again after it has ended."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self._env = dict(os.environ if env is None else env)
        self._cwd = cwd
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id of the latest start."""
        if self._popen is None:
            raise StackError(f"{self.name} has not been started.")
        return self._popen.pid

    def start(self) -> None:
        """Starts the program. Raises StackError if it is running already, or its log file cannot be written."""
        if self._popen is not None and self._popen.poll() is None:
            raise StackError(f"{self.name} is already running (pid {self._popen.pid}).")
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
                self.log.replace(self.log.with_suffix(".old.log"))
            with self.log.open("ab") as output:
                self._log_start = output.tell()
                self._popen = _forker.submit(self._fork, output.fileno()).result()
        except OSError as error:
            raise explain(error, f"Starting {self.name}", self.log.parent) from error

    def _fork(self, output: int) -> subprocess.Popen[bytes]:
        argv = self.argv
        if sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", "-c", _TIE_TO_PARENT, str(os.getpid()), *argv]
        return subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=self._env,
            cwd=self._cwd,
            start_new_session=True,
        )

    def running(self) -> bool:
        """True while the program runs."""
        return self._popen is not None and self._popen.poll() is None

    def output(self, most: int = _TAIL_BYTES) -> str:
        """What the program has written since its latest start (the last 8 kB, or `most` bytes)."""
        try:
            with self.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - most))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    def check(self) -> None:
        """Raises ProcessDied if the program has ended."""
        status = None if self._popen is None else self._popen.poll()
        if status is None:
            return
        if NO_SPACE in self.output(_CAUSE_BYTES):
            raise ProcessDied(
                f"{self.name} ended because the disk is full. Free some space or choose another directory with "
                f"--data-dir. Its log: {self.log}"
            )
        tail = "".join(f"\n    {line[:400]}" for line in self.output().splitlines()[-TAIL_LINES:])
        shown = f" Its last lines:{tail}" if tail else " It wrote nothing."
        raise ProcessDied(f"{self.name} ended unexpectedly ({_describe(status)}). Its log: {self.log}.{shown}")

    def wait_until(self, ready: Callable[[], bool], deadline_s: float, stopping: threading.Event) -> None:
        """Waits until `ready()`. Raises ProcessDied, StackStopped, or StackError after `deadline_s` seconds."""
        deadline = time.monotonic() + deadline_s
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} is not ready after {deadline_s:.0f} s. Its log: {self.log}")
            pause(stopping)

    def wait_exit(self, deadline_s: float, stopping: threading.Event) -> int:
        """Waits for the program's end; returns its exit status. Whatever else happens, it does not run any more."""
        deadline = time.monotonic() + deadline_s
        try:
            while self.running():
                if time.monotonic() > deadline:
                    raise StackError(f"{self.name} did not finish within {deadline_s:.0f} s. Its log: {self.log}")
                pause(stopping)
        finally:
            self.stop(grace_s=1)
        assert self._popen is not None  # noqa: S101 - for the type checker: it was running
        return self._popen.returncode

    def terminate(self) -> None:
        """Asks the program to end (SIGTERM), without waiting."""
        if self._popen is not None:
            self._popen.terminate()

    def kill(self) -> None:
        """Ends the program and its descendants at once (SIGKILL), and waits for that."""
        if self._popen is None or self._popen.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def stop(self, grace_s: float) -> None:
        """Ends the program: SIGTERM, then SIGKILL after `grace_s` seconds. Nothing happens if it has ended."""
        stop_all([self], grace_s)


def stop_all(processes: Iterable[ManagedProcess], grace_s: float) -> None:
    """Ends programs side by side: SIGTERM to each, then SIGKILL to whichever still runs after `grace_s` seconds."""
    running = [process for process in processes if process.running()]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + grace_s
    while any(process.running() for process in running) and time.monotonic() < deadline:
        time.sleep(POLL_S / 2)
    for process in running:
        process.kill()


def pause(stopping: threading.Event) -> None:
    """Waits a moment between two looks at something. Raises StackStopped as soon as a stop is asked for."""
    if stopping.wait(POLL_S):
        raise StackStopped


def _describe(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
