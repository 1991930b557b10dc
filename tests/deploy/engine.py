"""A container engine of the tests' own: Debian's dockerd with its own socket, and its images in `.cache/engine`.

Nothing of it touches an engine that runs here already: the stand-ins carry public names, which belong in no other.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.programs import ROOT, to_its_end
from tests.support.waiting import wait_until

CACHE = ROOT / ".cache" / "engine"
COMPOSE = CACHE / "docker-compose"
DOCKERD, DOCKER = Path("/usr/sbin/dockerd"), Path("/usr/bin/docker")
_START_DEADLINE_S = 90
_STOP_DEADLINE_S = 60
_TAIL_LINES = 5


class Engine:
    """Started at once, and ended by its process id."""

    def __init__(self) -> None:
        missing = [str(program) for program in (DOCKERD, DOCKER, COMPOSE) if not program.exists()]
        assert not missing, f"{missing[0]} is missing: run `make test-deploy`, which installs it"
        assert os.geteuid() == 0, "a container engine can only be started by root"
        CACHE.mkdir(parents=True, exist_ok=True)
        # Short, since the path of a socket may have 107 characters.
        self._run = Path(tempfile.mkdtemp(prefix="pb-engine-", dir="/run"))
        self.host = f"unix://{self._run}/docker.sock"
        self._log = CACHE / "dockerd.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    DOCKERD, "--data-root", CACHE / "data", "--exec-root", self._run / "exec",
                    "--pidfile", CACHE / "dockerd.pid", "--host", self.host,
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

        try:
            wait_until(self._serves, _START_DEADLINE_S, "the container engine answers")
            self._remove_containers()
        except BaseException:
            self.stop()
            raise

    def _serves(self) -> bool:
        assert self._process.poll() is None, (
            f"The container engine cannot run on this machine, which this needs. {self._last_words()}"
        )
        return self._docker("info").returncode == 0

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        return f"{self._log} ends with:\n" + "\n".join(lines)

    def _remove_containers(self) -> None:
        """What a run that was killed has left."""
        left = self.docker("ps", "--all", "--quiet").split()
        if left:
            self.docker("rm", "--force", "--volumes", *left)
        for kind in ("network", "volume"):
            self.docker(kind, "prune", "--force")

    def stop(self) -> None:
        """End it, with all its containers."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._run, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any client finds it."""
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"}

    def docker(self, *arguments: str | Path, timeout: float = 120, **variables: str) -> str:
        """Run `docker …`; its standard output. Fails the test, with what it said, unless it succeeds."""
        done = self._docker(*arguments, timeout=timeout, **variables)
        assert done.returncode == 0, f"docker {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _docker(
        self, *arguments: str | Path, timeout: float = 120, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return self.run([DOCKER, *arguments], timeout=timeout, **variables)

    def compose(self, *arguments: str | Path, timeout: float = 300, **variables: str) -> str:
        """Run `docker compose …`; its standard output. Fails the test, with what it said, unless it succeeds."""
        done = self.run([COMPOSE, *arguments], timeout=timeout, **variables)
        assert done.returncode == 0, f"docker compose {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, command: list[Any], timeout: float, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run any program that talks to the engine, to its end."""
        return to_its_end(command, env=self.environment | variables, timeout=timeout)
