"""The cache directory, shared by every checkout and run of one user: downloaded programs, nothing that matters."""

import contextlib
import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from deploy.stack.directory import check_free_space
from deploy.stack.errors import explain
from deploy.stack.processes import pause

REPOSITORY = Path(__file__).resolve().parents[2]


def cache_directory() -> Path:
    """The first of these that can be written: $PATHBOUND_CACHE_DIR, $XDG_CACHE_HOME/pathbound, ~/.cache/pathbound,
    <repository>/.cache. A PATHBOUND_CACHE_DIR that cannot be written is a StackError; so is a disk almost full."""
    chosen = os.environ.get("PATHBOUND_CACHE_DIR")
    if chosen:
        directory = Path(chosen).expanduser().resolve()
        try:
            _try_writing(directory)
        except OSError as error:
            raise explain(error, "Writing to PATHBOUND_CACHE_DIR", directory) from error
        check_free_space(directory)
        return directory
    for directory in _usual_places():
        with contextlib.suppress(OSError):
            _try_writing(directory)
            check_free_space(directory)
            return directory
    fallback = REPOSITORY / ".cache"
    try:
        _try_writing(fallback)
    except OSError as error:
        raise explain(error, "Writing to the cache (PATHBOUND_CACHE_DIR chooses another)", fallback) from error
    check_free_space(fallback)
    return fallback


def _usual_places() -> Iterator[Path]:
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        yield Path(xdg) / "pathbound"
    if home := os.environ.get("HOME"):
        yield Path(home) / ".cache" / "pathbound"


def _try_writing(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory):
        pass


@contextlib.contextmanager
def exclusively(lock: Path, stopping: threading.Event) -> Iterator[None]:
    """Holds a file lock, so that runs side by side take turns. Raises StackStopped if a stop is asked for meanwhile."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pause(stopping)
        yield
    finally:
        os.close(descriptor)
