"""Child processes: watched, logged, and never left behind."""

import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from deploy.stack.errors import ProcessDied, StackError, StackStopped
from deploy.stack.processes import ManagedProcess, stop_all
from tests.support.waiting import wait_until

FOREVER = "import signal; print('up', flush=True); signal.pause()"
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile 1: signal.pause()"
)


def python(code: str, tmp_path: Path, name: str = "child") -> ManagedProcess:
    return ManagedProcess(name, [sys.executable, "-c", code], log=tmp_path / "logs" / f"{name}.log")


def started(code: str, tmp_path: Path, name: str = "child") -> ManagedProcess:
    process = python(code, tmp_path, name)
    process.start()
    process.wait_until(lambda: "up" in process.output(), 20, threading.Event())
    return process


def test_a_death_is_told_with_status_log_and_last_lines(tmp_path: Path) -> None:
    process = python("import sys; print('first'); sys.exit('no such luck')", tmp_path, "the broker")
    process.start()
    with pytest.raises(ProcessDied) as died:
        process.wait_until(lambda: False, 20, threading.Event())
    for part in ("the broker", "exit status 1", "no such luck", str(process.log)):
        assert part in str(died.value)


def test_a_kill_is_told_by_the_signals_name(tmp_path: Path) -> None:
    process = started(FOREVER, tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not process.running(), 10, "the child is dead")
    with pytest.raises(ProcessDied, match="killed by SIGKILL"):
        process.check()


def test_a_program_may_open_as_many_files_as_the_machine_allows(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1), hard))
    try:
        process = started(
            "import resource; print('up', *resource.getrlimit(resource.RLIMIT_NOFILE), flush=True)", tmp_path
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: not process.running(), 10, "the child is done")
    assert process.output().split() == ["up", str(hard), str(hard)]


@pytest.mark.parametrize(
    "said",
    ["'write failed: No space left on device'", r"'No space left on device' + '\npartition' * 10_000"],
    ids=["as the last words", "and much afterwards"],
)
def test_a_full_disk_is_told_as_such(tmp_path: Path, said: str) -> None:
    process = python(f"import sys; sys.exit({said})", tmp_path)
    process.start()
    wait_until(lambda: not process.running(), 10, "the child is dead")
    with pytest.raises(ProcessDied, match="the disk is full"):
        process.check()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    process = ManagedProcess("nothing", ["/no/such/program"], log=tmp_path / "log")
    process.start()
    with pytest.raises(ProcessDied, match="cannot run /no/such/program"):
        process.wait_until(lambda: False, 20, threading.Event())


def test_only_what_the_latest_start_wrote_is_shown(tmp_path: Path) -> None:
    process = ManagedProcess("twice", ["sh", "-c", "echo run by $$; exit 3"], log=tmp_path / "log")
    for _ in range(2):
        process.start()
        wait_until(lambda: not process.running(), 10, "the child is dead")
    assert process.output() == f"run by {process.pid}\n"


def test_a_deadline_and_a_stop_end_the_waiting(tmp_path: Path) -> None:
    process = started(FOREVER, tmp_path)
    with pytest.raises(StackError, match=r"not ready after 0 s.*child\.log"):
        process.wait_until(lambda: False, 0.1, threading.Event())
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(StackStopped):
        process.wait_exit(60, stopping)
    assert not process.running()


def test_stop_is_gentle_then_not(tmp_path: Path) -> None:
    gentle, stubborn = started(FOREVER, tmp_path, "gentle"), started(STUBBORN, tmp_path, "stubborn")
    stop_all([gentle, stubborn], grace_s=0.5)
    for process, name in ((gentle, "SIGTERM"), (stubborn, "SIGKILL")):
        with pytest.raises(ProcessDied, match=f"killed by {name}"):
            process.check()
    stop_all([gentle, stubborn], grace_s=0.5)  # again: nothing to do


def test_started_again_after_its_end_but_not_before(tmp_path: Path) -> None:
    process = started(FOREVER, tmp_path)
    with pytest.raises(StackError, match="already running"):
        process.start()
    process.kill()
    process.start()
    assert process.running()
    process.kill()


def test_kill_takes_descendants_along(tmp_path: Path) -> None:
    process = started("import subprocess as s; s.Popen(['sleep', '600']); " + FOREVER, tmp_path)
    (grandchild,) = psutil.Process(process.pid).children()
    process.kill()
    wait_until(lambda: not alive(grandchild.pid), 10, "the grandchild is dead")


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_the_child_leads_a_session_of_its_own(tmp_path: Path) -> None:
    process = started(FOREVER, tmp_path)
    assert os.getsid(process.pid) == process.pid
    process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no parent-death signal")
def test_no_child_outlives_a_killed_parent_and_none_dies_with_a_thread(tmp_path: Path) -> None:
    code = f"""
import pathlib, threading, signal
from deploy.stack.processes import ManagedProcess
child = ManagedProcess("child", ["sleep", "600"], log=pathlib.Path({str(tmp_path / "log")!r}))
thread = threading.Thread(target=child.start)
thread.start()
thread.join()
print(child.pid, flush=True)
signal.pause()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        wait_until(lambda: psutil.Process(child).name() == "sleep", 10, "the child has become its program")
        parent.kill()
    wait_until(lambda: not alive(child), 10, "the child died with its parent")
