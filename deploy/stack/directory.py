"""The stack's data directory: one owner at a time, enough room, and files that appear whole or not at all."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from deploy.stack.errors import StackError, explain
from deploy.stack.ports import RememberedPorts

MINIMUM_FREE_BYTES = 500_000_000


class DataDirectory:
    """Where the servers keep data (`mongo/`, `kafka/`), logs (`logs/`) and its ports. Claimed with a file lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        self.logs = self.path / "logs"
        self.ports = RememberedPorts(self.path / "ports.json")
        self._lock: int | None = None

    def claim(self) -> None:
        """Makes the directory this process's own. Raises StackError if another process has it. Idempotent."""
        if self._lock is not None:
            return
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            check_free_space(self.path)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise explain(error, "Preparing the data directory", self.path) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise StackError(
                f"{self.path} is in use by another local stack (pid {owner}). "
                "Stop that one first, or choose another directory with --data-dir."
            ) from None
        self._lock = lock  # the kernel drops the lock with the process, however that ends: nothing stale can remain
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.release()
            raise explain(error, "Locking the data directory", self.path) from error

    def release(self) -> None:
        """Lets another process claim the directory. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def check_free_space(path: Path) -> None:
    """Raises StackError if the file system of the existing directory `path` has less than 500 MB free."""
    free = shutil.disk_usage(path).free
    if free < MINIMUM_FREE_BYTES:
        raise StackError(
            f"Only {free / 1e6:.0f} MB are free on the disk that holds {path}; the local stack needs "
            f"{MINIMUM_FREE_BYTES / 1e6:.0f} MB. Free some space or choose another directory."
        )


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read (mode 0600), atomically: a reader sees all of it or none."""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise explain(error, f"Writing {path.name}", path.parent) from error
