"""The image: small, locked down, one for every role, and the same files from the same sources."""

import json
from pathlib import Path

import pytest

from tests.deploy.conftest import IMAGE, build
from tests.deploy.engine import Engine
from tests.deploy.stand_ins import PYTHON_IMAGE
from tests.support.programs import ROOT

MOST_BYTES_OVER_BASE = 200 * 1024 * 1024
LOCKED_DOWN = ("--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")
# Every file of ours with its mode, owner, time and content.
LISTING = (
    "find /opt -type f -exec sha256sum {} + | sort -k2; find /opt -mindepth 1 -printf '%p %y %m %U:%G %T@ %l\\n' | sort"
)


def run(engine: Engine, *command: str, entrypoint: str = "pathbound") -> str:
    return engine.docker("run", *LOCKED_DOWN, "--entrypoint", entrypoint, IMAGE, *command)


def size(engine: Engine, name: str) -> int:
    return int(engine.docker("image", "inspect", name, "--format", "{{.Size}}"))


def test_it_is_small(engine: Engine, image: str) -> None:
    assert size(engine, image) - size(engine, PYTHON_IMAGE) <= MOST_BYTES_OVER_BASE


def test_it_says_what_it_is(engine: Engine, image: str) -> None:
    config = json.loads(engine.docker("image", "inspect", image, "--format", "{{json .Config}}"))
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "Pathbound Contacts"
    assert labels["org.opencontainers.image.revision"] == "abc123"
    assert labels["org.opencontainers.image.base.name"] == PYTHON_IMAGE
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"


@pytest.mark.parametrize(
    "role", ["api", "relay", "consume tracker", "consume gmail", "consume intercom", "init", "keys create", "feed"]
)
def test_every_role_is_in_it_and_needs_no_place_to_write(engine: Engine, image: str, role: str) -> None:
    assert f"Usage: pathbound {role}" in run(engine, *role.split(), "--help")


def test_it_runs_as_nobody_in_particular_and_can_write_nowhere(engine: Engine, image: str) -> None:
    said = run(
        engine,
        "-c",
        "id -u; for d in / /opt /opt/pathbound /tmp; do touch $d/x && echo $d; done; true",
        entrypoint="sh",
    )
    assert said.split() == ["10001"]


def test_no_compiler_and_no_installer_is_in_it(engine: Engine, image: str) -> None:
    tools = "gcc g++ cc c++ clang ld as make cmake cargo rustc go javac pip pip3 git".split()
    found = run(engine, "-c", f"for tool in {' '.join(tools)}; do command -v $tool; done; true", entrypoint="sh")
    # The public Python image has pip of its own: what counts is that ours brings none.
    assert [tool for tool in found.split() if tool.startswith("/opt") or Path(tool).name not in ("pip", "pip3")] == []
    code = "import importlib.util as u; print(u.find_spec('setuptools'), u.find_spec('pip'))"
    assert run(engine, "-c", code, entrypoint="/opt/pathbound/bin/python3") == "None None\n"


def test_only_the_locked_dependencies_are_in_it(engine: Engine, image: str) -> None:
    code = "import importlib.metadata as m; print(*(f'{d.name}=={d.version}'.lower() for d in m.distributions()))"
    installed = set(run(engine, "-c", code, entrypoint="python3").replace("_", "-").split())
    lock = (ROOT / "deploy/requirements-image.lock").read_text().splitlines()
    locked = {line.split()[0].lower() for line in lock if "==" in line and not line.startswith((" ", "#"))}
    assert installed - locked == {"pathbound-contacts==0.1.0"}


def test_the_health_check_fails_where_nothing_answers(engine: Engine, image: str) -> None:
    done = engine.run(
        [
            "/usr/bin/docker",
            "run",
            *LOCKED_DOWN,
            "--entrypoint",
            "python3",
            image,
            "-I",
            "-m",
            "deploy.health",
            "ready",
        ],
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, "Nothing answers on port 8080 (ConnectionRefusedError).\n")


def test_two_builds_are_the_same_to_the_byte(engine: Engine, image: str) -> None:
    again = build(engine, "pathbound-contacts:again", "--no-cache")
    first, second = (
        engine.docker("run", *LOCKED_DOWN, "--entrypoint", "sh", name, "-c", LISTING) for name in (image, again)
    )
    assert first == second
    assert "deploy/health.py" in first
