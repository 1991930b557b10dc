"""`pathbound up` as a person meets it: real servers, real processes, signals, and commands pasted into fresh shells."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.stack.ports import RememberedPorts
from tests.support.commands import pathbound
from tests.support.gmail import gmail_message
from tests.support.intercom import Chat
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
UP_S = 90.0  # generous: several stacks and tests share two cores
STOP_S = 10.0
ANY_RUNG = {"PATHBOUND_STACK_MONGO": "", "PATHBOUND_STACK_KAFKA": ""}
"""Whatever the run's own servers are."""
FRESH_SHELL = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Up:
    """One `pathbound up` in a process of its own."""

    def __init__(
        self,
        data: Path,
        *,
        env: dict[str, str] | None = None,
        port: int | None = None,
        command: list[str] | None = None,
    ) -> None:
        self.data = data
        data.parent.mkdir(parents=True, exist_ok=True)
        self.port = port or RememberedPorts(data.parent / "test-ports.json").get("api")
        self._output = data.parent / f"output-{time.monotonic_ns()}.txt"
        self.children: list[psutil.Process] = []
        self.started = time.monotonic()
        flags = ["--data-dir", str(data), "--port", str(self.port)]
        if command is None:
            argv = [sys.executable, "-m", "deploy.cli.main", "up", *flags]
        else:
            argv = [*command, f"ARGS={' '.join(flags)}"]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                argv, stdout=output, stderr=subprocess.STDOUT, cwd=REPOSITORY, env=env, start_new_session=True
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_ready(self) -> dict[str, str]:
        """Waits for the banner; returns stack.json."""

        def ready() -> bool:
            assert self.process.poll() is None, self.output
            return "Ctrl-C stops everything" in self.output

        wait_until(ready, UP_S, "everything is ready")
        self.remember_children()
        stack: dict[str, str] = json.loads((self.data / "stack.json").read_text())
        return stack

    def remember_children(self) -> list[psutil.Process]:
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        return self.children

    def wait_exit(self, deadline_s: float) -> int:
        """Waits for the end, looks for leftovers, and returns the exit status."""
        status = self.process.wait(deadline_s)
        wait_until(lambda: not left_running(self.children), 2, "no process is left")
        assert not (self.data / "stack.json").exists()
        return status

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def paste(self, number: int) -> str:
        """Runs one of the three printed commands in a fresh shell."""
        lines = [line for line in self.output.splitlines() if line.startswith("curl ") or " send tracker " in line]
        assert len(lines) == 3
        done = subprocess.run(
            ["sh", "-c", lines[number - 1]], cwd="/", env=FRESH_SHELL, capture_output=True, text=True, check=True
        )
        return done.stdout

    def paste_all(self) -> None:
        """A visit, a contact, and the visit in the contact's timeline; and a mail and a chat of that contact."""
        assert "page_view" in self.paste(1)
        made = json.loads(self.paste(2))
        assert made["status"] == "success"
        assert json.loads(self.paste(2))["contact_id"] == made["contact"]["contact_id"], "pasted twice"
        wait_until(lambda: "https://www.example.com/pricing" in self.paste(3), 20, "the visit is in the timeline")
        email = made["contact"]["email"]
        self.send_record("gmail", gmail_message(sender=email), "--mailbox", "rep@ours.example")
        self.send_record("intercom", Chat(email=email).created())
        wait_until(lambda: '"email_received"' in self.paste(3), 20, "the mail is in the timeline")
        wait_until(lambda: '"conversation_message"' in self.paste(3), 20, "the chat is in the timeline")

    def send_record(self, source: str, payload: dict[str, Any], *options: str) -> None:
        """With `pathbound send`, from standard input."""
        stack = json.loads((self.data / "stack.json").read_text())
        where = ["--kafka-bootstrap", stack["kafka_bootstrap"], "--tenant", stack["tenant_id"]]
        done = pathbound("send", source, *where, *options, "-", typed=json.dumps(payload))
        assert done.stdout.startswith("Sent ")


def left_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def started() -> Iterator[list[Up]]:
    """What a test has started; whatever is left of it is ended."""
    ups: list[Up] = []
    yield ups
    for up in ups:
        if up.process.poll() is None:
            up.process.kill()  # its children die with it
            up.process.wait()


def without_java(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has nothing at all, and no container engine."""
    (tmp_path / "empty").mkdir()
    nothing = {"PATH": str(tmp_path / "empty"), "JAVA_HOME": "", "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    return {**os.environ, **ANY_RUNG, **nothing}


def with_maven(tmp_path: Path, body: str) -> dict[str, str]:
    """An environment with a Maven that does `body`, and an empty cache."""
    (tmp_path / "bin").mkdir()
    maven = tmp_path / "bin" / "mvn"
    maven.write_text(f"#!/bin/sh\n{body}\n")
    maven.chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, **ANY_RUNG, "PATH": path, "PATHBOUND_CACHE_DIR": str(tmp_path / "cache")}


def test_first_use_a_crash_and_the_next_start(tmp_path: Path, started: list[Up]) -> None:
    first = Up(tmp_path / "data", env={**os.environ, "PATHBOUND_LOG_LEVEL": "debug"})
    started.append(first)
    stack = first.wait_ready()
    assert stack.keys() == {"api_url", "mongo_url", "kafka_bootstrap", "api_key", "tenant_id"}
    assert stack["api_url"] == f"http://127.0.0.1:{first.port}"
    assert (first.data / "stack.json").stat().st_mode & 0o777 == 0o600
    [exports] = [line for line in first.output.splitlines() if line.startswith("export ")]
    assert stack["mongo_url"] in exports
    assert stack["kafka_bootstrap"] in exports
    # After it `pathbound erase` works, and whatever else must know who was erased.
    name = 'echo "$PATHBOUND_ERASURE_SECRET"'
    said = subprocess.run(["/bin/sh", "-c", f"{exports}; {name}"], capture_output=True, text=True, check=True)
    assert said.stdout == (first.data / "erasure-secret").read_text()
    first.paste_all()
    for log in (first.data / "logs").iterdir():
        assert stack["api_key"] not in log.read_text(errors="replace"), f"the key is in {log}"

    second = Up(tmp_path / "data", port=first.port)
    assert second.process.wait(20) == 1
    assert second.output.count("Error: ") == 1
    assert f"in use by another local stack (pid {first.process.pid})" in second.output
    assert "Traceback" not in second.output
    assert (first.data / "stack.json").exists()

    first.send(signal.SIGKILL)
    first.process.wait(STOP_S)
    wait_until(lambda: not left_running(first.children), 5, "the children died with their supervisor")

    again = Up(tmp_path / "data", port=first.port)
    started.append(again)
    assert again.wait_ready() == stack  # the same key, too
    assert time.monotonic() - again.started < 60  # 8 s alone on two cores; here the other worker's tests run as well
    read = ["curl", "-sS", "-H", f"Authorization: Bearer {stack['api_key']}"]
    contact_id = json.loads((tmp_path / "data" / "contact.json").read_text())["contact_id"]
    kept = subprocess.run([*read, f"{stack['api_url']}/v1/contacts/{contact_id}"], capture_output=True, check=True)
    assert json.loads(kept.stdout)["contact"]["contact_id"] == contact_id
    again.send(signal.SIGINT)
    assert again.wait_exit(STOP_S) == 0


def test_sigterm_to_make_stops_everything(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data", command=["make", "--no-print-directory", "run"])
    started.append(up)
    up.wait_ready()
    in_containers = up.output.count(" in a container, ")
    assert len(up.children) >= 8 - in_containers  # pathbound, API, relay, three consumers, mongod, Kafka
    up.send(signal.SIGTERM)
    up.wait_exit(STOP_S)
    assert "Everything has stopped." in up.output


def test_a_dead_child_ends_everything_with_a_sentence(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data")
    started.append(up)
    up.wait_ready()
    (relay,) = [child for child in up.children if child.cmdline()[-1] == "relay"]
    relay.kill()
    assert up.wait_exit(STOP_S) == 1
    error = up.output.split("Error: ")[1]
    assert error.startswith(
        f"pathbound relay ended unexpectedly (killed by SIGKILL). Its log: {up.data}/logs/relay.log"
    )
    assert "Traceback" not in up.output


def test_a_server_that_dies_during_the_start_is_named(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data", env=without_java(tmp_path) | {"PATHBOUND_STACK_MONGO": "local"})
    started.append(up)
    wait_until(lambda: "Creating topics and indexes" in up.output, UP_S, "topics and indexes are being created")
    (mongod,) = [child for child in up.remember_children() if child.name() == "mongod"]
    mongod.kill()
    assert up.wait_exit(UP_S) == 1
    assert up.output.split("Error: ")[1].startswith("mongod ended unexpectedly (killed by SIGKILL)")


def test_without_java_the_mock_is_warned_of_and_works(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data", env=without_java(tmp_path))
    started.append(up)
    up.wait_ready()
    assert "no Java 17 or above is on the PATH" in up.output
    assert "WARNING: this is a mock in memory. It keeps nothing" in up.output
    up.paste_all()
    up.send(signal.SIGHUP)
    assert up.wait_exit(STOP_S) == 0


def test_sigterm_while_maven_runs(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data", env=with_maven(tmp_path, "exec sleep 600"))
    started.append(up)
    wait_until(lambda: "fetching its jars" in up.output, UP_S, "Maven has been started")
    wait_until(lambda: [c for c in up.remember_children() if "sleep" in c.cmdline()], UP_S, "Maven runs")
    up.send(signal.SIGTERM)
    assert up.wait_exit(STOP_S) == 0
    assert "Error" not in up.output


def test_a_failed_download_is_a_sentence(tmp_path: Path, started: list[Up]) -> None:
    up = Up(tmp_path / "data", env=with_maven(tmp_path, "echo '[ERROR] Checksum validation failed'; exit 1"))
    started.append(up)
    assert up.wait_exit(UP_S) == 1
    assert "Error: Maven could not fetch Kafka ([ERROR] Checksum validation failed)" in up.output
    assert "PATHBOUND_STACK_KAFKA=mock" in up.output
    assert "Traceback" not in up.output


def test_a_busy_port_is_a_sentence(tmp_path: Path, started: list[Up]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        up = Up(tmp_path / "data", port=port)
        started.append(up)
        assert up.wait_exit(30) == 1
    assert f"Error: Port {port} on 127.0.0.1 is taken by another program. Stop that one, or" in up.output
    assert "--port" in up.output


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    code = """
import shutil, sys
from types import SimpleNamespace
shutil.disk_usage = lambda _path: SimpleNamespace(total=10**10, used=10**10, free=7_000_000)
from deploy.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "up", "--data-dir", str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: Only 7 MB are free on the disk that holds {tmp_path}/data; ")
    assert len(done.stderr.splitlines()) == 1


def test_help_names_every_option_with_its_default_and_variable() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "up", "--help"], capture_output=True, text=True, check=True
    )
    for option in ("--data-dir", "--port", "--mongo-url", "--kafka-bootstrap"):
        assert option in done.stdout
    for word in ("PATHBOUND_DATA_DIR", "PATHBOUND_API_PORT", "8080", ".data"):
        assert word in done.stdout
