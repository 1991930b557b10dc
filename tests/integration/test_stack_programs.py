"""Where the programs come from: Maven, the package index, the PATH; and what is told when they cannot be had."""

import os
import shutil
import stat
import threading
from pathlib import Path

import pytest

from deploy.stack import kafka_jars, programs
from deploy.stack.errors import StackError, StackStopped, Unavailable
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def real_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kafka_jars.find_kafka_jars(tmp_path_factory.mktemp("logs"), lambda _line: None, threading.Event())


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("PATHBOUND_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def said() -> list[str]:
    return []


def script(directory: Path, name: str, body: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return directory


def find(tmp_path: Path, said: list[str], stopping: threading.Event | None = None) -> Path:
    return kafka_jars.find_kafka_jars(tmp_path / "logs", said.append, stopping or threading.Event())


@pytest.fixture
def cached(private_cache: Path, real_jars: Path) -> Path:
    """The private cache, filled."""
    target = private_cache / real_jars.name
    shutil.copytree(real_jars, target)
    return target


@pytest.mark.parametrize("harm", ["truncated", "changed", "missing", "extra"])
def test_damaged_jars_are_told_and_fetched_again(
    harm: str, cached: Path, real_jars: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = cached / "kafka-clients-4.3.0.jar"
    if harm == "truncated":
        os.truncate(victim, 1000)
    elif harm == "changed":
        with victim.open("r+b") as jar:
            jar.write(b"!")
    elif harm == "missing":
        victim.unlink()
    else:
        (cached / "evil.jar").write_bytes(b"x")
    if harm != "truncated":  # one of the four is fetched by the real Maven, the others from next door
        body = f'for word; do case $word in -DoutputDirectory=*) cp {real_jars}/* "${{word#*=}}";; esac; done'
        monkeypatch.setenv("PATH", f"{script(tmp_path / 'bin', 'mvn', body)}:{os.environ['PATH']}")
    assert find(tmp_path, said) == cached
    assert len(said) == 1
    assert "fetching Kafka again" in said[0]
    said.clear()
    assert find(tmp_path, said) == cached
    assert said == []
    assert {path.name for path in cached.parent.iterdir()} == {cached.name, "kafka-jars.lock"}


def test_a_corrupt_download_is_refused_and_leaves_nothing(
    private_cache: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [line.split()[1] for line in kafka_jars.CHECKSUMS.read_text().splitlines()]
    body = (
        'for word; do case $word in -DoutputDirectory=*) cd "${word#*=}"; '
        f"for jar in {' '.join(names)}; do echo junk > $jar; done;; esac; done"
    )
    monkeypatch.setenv("PATH", f"{script(tmp_path / 'bin', 'mvn', body)}:{os.environ['PATH']}")
    with pytest.raises(StackError, match=r"corrupt download.*PATHBOUND_STACK_KAFKA=mock"):
        find(tmp_path, said)
    assert {path.name for path in private_cache.iterdir()} == {"kafka-jars.lock"}


def test_a_failing_maven_is_told_with_its_error(
    private_cache: Path, tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_directory = script(tmp_path / "bin", "mvn", "echo '[ERROR] Network is unreachable'; exit 1")
    monkeypatch.setenv("PATH", f"{bin_directory}:{os.environ['PATH']}")
    with pytest.raises(StackError, match=r"Maven could not fetch Kafka \(\[ERROR\] Network is unreachable\)"):
        find(tmp_path, said)


def test_without_maven_the_next_rung_is_tried_but_never_a_damaged_jar(
    private_cache: Path, tmp_path: Path, said: list[str], real_jars: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Maven"):
        find(tmp_path, said)
    shutil.copytree(real_jars, private_cache / real_jars.name)
    assert find(tmp_path, said) == private_cache / real_jars.name
    os.truncate(private_cache / real_jars.name / "kafka-clients-4.3.0.jar", 10)
    with pytest.raises(StackError, match=r"is damaged, and Maven.*is missing"):
        find(tmp_path, said)


def test_two_at_once_fetch_once_and_a_stop_ends_maven(
    private_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{script(tmp_path / 'bin', 'mvn', 'exec sleep 600')}:{os.environ['PATH']}")
    said: list[str] = []
    stopping = threading.Event()
    ends: list[BaseException] = []

    def run() -> None:
        try:
            find(tmp_path, said, stopping)
        except StackStopped as error:
            ends.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: said, 20, "one of them fetches")
    stopping.set()
    for thread in threads:
        thread.join(10)
    assert (len(said), len(ends)) == (1, 2)
    assert {path.name for path in private_cache.iterdir()} == {"kafka-jars.lock"}


def test_mongod_is_found_checked_and_answers() -> None:
    program, version = programs.find_mongod()
    assert program.name == "mongod"
    assert int(version.split(".")[0]) >= 5


def test_a_damaged_mongod_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "mongod"
    for content in (None, b"junk"):
        if content is not None:
            fake.write_bytes(content)
        with pytest.raises(StackError, match=r"mongod, .* is damaged \(.*Delete .* and run `make run` again"):
            programs._verify(fake, "JoBj9IeounW_gy0feTiIK4vaECmCW7WNBhFyX4_hbOg")


def test_mongod_on_the_path_is_taken_where_no_package_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_MONGOD_PACKAGES", ("no-such-package",))
    monkeypatch.setenv("PATH", str(script(tmp_path, "mongod", "echo db version v7.0.2")))
    assert programs.find_mongod() == (tmp_path / "mongod", "7.0.2")
    script(tmp_path, "mongod", "echo db version v4.0.2")
    with pytest.raises(Unavailable, match=r"older than 5\.0"):
        programs.find_mongod()
    (tmp_path / "mongod").unlink()
    with pytest.raises(Unavailable, match="no mongod is installed"):
        programs.find_mongod()


def test_java_must_be_17(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no Java 17"):
        programs.find_java()
    for version, good in (("1.8.0_292", False), ("11.0.2", False), ("17.0.15", True), ("21", True), ("25-ea", True)):
        script(tmp_path, "java", f"echo 'openjdk version \"{version}\"' >&2")
        if good:
            assert programs.find_java() == tmp_path / "java"
        else:
            with pytest.raises(Unavailable):
                programs.find_java()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert programs.find_java() == tmp_path / "java"


def test_a_program_without_its_run_bit_is_run_as_a_copy_if_it_cannot_be_set(
    private_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o644)
    original = Path.chmod

    def refuse(path: Path, mode: int, *, follow_symlinks: bool = True) -> None:
        if path == program:
            raise PermissionError
        original(path, mode, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "chmod", refuse)
    copy = programs._runnable(program, "abc")
    assert copy.parent == private_cache
    assert os.access(copy, os.X_OK)
    monkeypatch.undo()
    assert programs._runnable(program, "abc") == program
    assert os.access(program, os.X_OK)
