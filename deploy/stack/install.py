"""Makes `.venv` with the locked dependencies. Run by the Makefile, before anything is installed: standard library only.

A stamp inside the environment holds a hash of what it was made from, and is written last: an environment that is stale,
or whose making was interrupted, is made again.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".installed-from"
UNFINISHED = "unfinished"
MINIMUM_PYTHON = (3, 11)
_TAIL_LINES = 12

_running: subprocess.Popen[bytes] | None = None


class InstallError(Exception):
    """One clear sentence."""


def main() -> int:
    """Returns the exit status."""
    signal.signal(signal.SIGTERM, _end)
    try:
        if sys.version_info < MINIMUM_PYTHON:
            raise InstallError("Python 3.11 or above is needed: install it, or name it with `make PYTHON=...`.")
        with _one_at_a_time():
            wanted = _fingerprint()
            if not STAMP.is_file() or STAMP.read_text() != wanted or not os.access(VENV / "bin" / "python", os.X_OK):
                _install()
                STAMP.write_text(wanted)
    except InstallError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: Installing into {VENV} failed: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _end(_signal: int, _frame: FrameType | None) -> None:
    if _running is not None:
        _running.kill()  # `make` passes its SIGTERM to us, not to pip
    sys.exit(143)


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two `make`s in one checkout take turns. The kernel drops the lock with the process."""
    with (ROOT / "requirements.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    """Changes whenever the environment has to be made again; so does moving the checkout, as scripts hold its path."""
    digest = hashlib.sha256(str(VENV).encode())
    for path in (LOCK, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _install() -> None:
    started = time.monotonic()
    interrupted = STAMP.is_file() and STAMP.read_text() == UNFINISHED
    if interrupted or not _sound():
        print(f"Making a virtual environment in {VENV} ...", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        _run(
            [sys.executable, "-m", "venv", str(VENV)],
            "Python cannot make a virtual environment (on Debian and Ubuntu, install python3-venv).",
        )
    STAMP.write_text(UNFINISHED)
    print("Installing locked dependencies (about 20 s) ...", flush=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    _run(
        [*pip, "--require-hashes", "-r", str(LOCK)],
        "The locked dependencies could not be installed.",
        "A download is corrupt, or is not what requirements.lock names: its checksum is wrong. Nothing of it ran. Try "
        "again; if it happens again, `pip cache purge` and check what serves your packages.",
    )
    _run(
        [*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        "The project itself could not be installed.",
    )
    print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)


def _sound() -> bool:
    """True if the environment there was made for this place, by a Python that is new enough and still there."""
    code = f"import sys, pip; print(sys.prefix if sys.version_info >= {MINIMUM_PYTHON} else 'too old')"
    try:
        result = subprocess.run(  # noqa: S603 - our own interpreter, no shell
            [str(VENV / "bin" / "python"), "-c", code], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return result.stdout.strip() == str(VENV)


def _run(command: list[str], failure: str, on_wrong_hash: str | None = None) -> None:
    global _running
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    _running = subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=environment
    )
    output = _running.communicate()[0].decode(errors="replace")
    status, _running = _running.returncode, None
    if status == 0:
        return
    if on_wrong_hash and "DO NOT MATCH THE HASHES" in output.upper():
        raise InstallError(on_wrong_hash)
    if "No space left on device" in output:
        raise InstallError(f"The disk that holds {ROOT} (or the temporary directory) is full: free some space.")
    tail = "\n    ".join(output.strip().splitlines()[-_TAIL_LINES:])
    raise InstallError(f"{failure} The last lines:\n    {tail}")


if __name__ == "__main__":
    sys.exit(main())
