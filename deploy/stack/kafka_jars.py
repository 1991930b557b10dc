"""Kafka's jars: fetched once by Maven from `pom.xml`, compared with `kafka-jars.sha256` at every start."""

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from deploy.stack.cache import cache_directory, exclusively
from deploy.stack.errors import StackError, Unavailable, explain
from deploy.stack.processes import ManagedProcess

POM = Path(__file__).with_name("pom.xml")
CHECKSUMS = Path(__file__).with_name("kafka-jars.sha256")
FETCH_DEADLINE_S = 600
_CHOOSE_MOCK = "or set PATHBOUND_STACK_KAFKA=mock to do without Kafka's durability on purpose"


def find_kafka_jars(logs: Path, progress: Callable[[str], None], stopping: threading.Event) -> Path:
    """A directory with exactly the jars of the lock file, fetched now if need be.

    Raises Unavailable if they are not there and Maven is not either; StackError if fetching fails or a jar is damaged.
    """
    expected = _expected()
    cache = cache_directory()
    lock_id = hashlib.sha256(CHECKSUMS.read_bytes()).hexdigest()[:12]
    target = cache / f"kafka-jars-{lock_id}"
    if target.is_dir() and _damage(target, expected) is None:
        return target
    with exclusively(cache / "kafka-jars.lock", stopping):
        damage = _damage(target, expected) if target.is_dir() else None
        if target.is_dir() and damage is None:
            return target  # another run has just fetched them
        maven = shutil.which("mvn")
        if maven is None and damage is None:
            raise Unavailable("Maven, which fetches Kafka, is not on the PATH")
        if maven is None:
            raise StackError(
                f"{damage}, and Maven, which would fetch it again, is missing: install it, {_CHOOSE_MOCK}."
            )
        if damage is not None:
            progress(f"Kafka: {damage}; fetching Kafka again with Maven ...")
        else:
            progress("Kafka: fetching its jars with Maven (45 MB, only the first time) ...")
        try:
            _fetch(maven, target, expected, logs, stopping)
        except OSError as error:
            raise explain(error, "Fetching Kafka", cache) from error
    return target


def _fetch(maven: str, target: Path, expected: dict[str, str], logs: Path, stopping: threading.Event) -> None:
    for leftover in target.parent.glob(".fetch-*"):  # of a run that was killed; the lock is ours, so none is in use
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=".fetch-", dir=target.parent))
    try:
        _run_maven(maven, work, logs, stopping)
        damage = _damage(work / "jars", expected)
        if damage is not None:
            raise StackError(f"{damage} even freshly fetched: a corrupt download. Start again, {_CHOOSE_MOCK}.")
        if target.exists():
            target.rename(work / "damaged")
        (work / "jars").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run_maven(maven: str, work: Path, logs: Path, stopping: threading.Event) -> None:
    (work / "jars").mkdir()
    process = ManagedProcess(
        "Maven",
        [
            maven, "-B", "-q", "-C", "-f", str(POM), "dependency:copy-dependencies",
            f"-DoutputDirectory={work / 'jars'}", f"-Dmaven.repo.local={work / 'repository'}",
        ],
        log=logs / "maven.log",
        cwd=work,
    )  # fmt: skip
    process.start()
    status = process.wait_exit(FETCH_DEADLINE_S, stopping)
    if status != 0:
        errors = [line for line in process.output().splitlines() if "ERROR" in line]
        detail = f" ({errors[0][:300]})" if errors else ""
        raise StackError(
            f"Maven could not fetch Kafka{detail}. Check the network and start again, {_CHOOSE_MOCK}. "
            f"Its log: {process.log}"
        )


def main() -> None:
    """Fetches what `pom.xml` names and writes its checksums into the lock file (`make lock-kafka`)."""
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        _run_maven(shutil.which("mvn") or "mvn", work, work, threading.Event())
        digests = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (work / "jars").iterdir()}
    CHECKSUMS.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))


def _expected() -> dict[str, str]:
    """File name → sha256 in hex, from the lock file (the format of the `sha256sum` program)."""
    pairs = (line.split(maxsplit=1) for line in CHECKSUMS.read_text().splitlines() if line.strip())
    return {name: digest for digest, name in pairs}


def _damage(directory: Path, expected: dict[str, str]) -> str | None:
    """What is wrong with the jars in `directory`, as a clause; None if nothing is."""
    present = {path.name for path in directory.iterdir()}
    for name, digest in expected.items():
        if name not in present:
            return f"{name} is missing from {directory}"
        with (directory / name).open("rb") as jar:
            if hashlib.file_digest(jar, "sha256").hexdigest() != digest:
                return f"{directory / name} is damaged"
    if extra := present - expected.keys():  # everything in the directory is on the class path
        return f"{directory / min(extra)} does not belong there"
    return None


if __name__ == "__main__":
    main()
