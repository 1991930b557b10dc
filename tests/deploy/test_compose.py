"""The compose files: valid, and brought up for real, with the README's five minutes walked against them."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from schemas.scopes import Scope
from tests.deploy.conftest import IMAGE
from tests.deploy.engine import Engine
from tests.support.programs import ROOT
from tests.support.waiting import eventually

ONE = ("--file", "deploy/compose.yaml")
THREE = (*ONE, "--file", "deploy/compose.scale.yaml")
ROLES = {"api", "relay", "consume-tracker", "consume-gmail", "consume-intercom"}
SERVERS = {"mongo", "kafka", "prometheus", "grafana"}
API, OTHER_API, PROMETHEUS, GRAFANA = (f"http://127.0.0.1:{port}" for port in (18080, 18081, 19090, 13000))
_UP_DEADLINE_S = 420
_SOON_S = 90


class System:
    """The compose files brought up, and what is asked of them."""

    def __init__(self, engine: Engine, files: tuple[str, ...], secrets: Path) -> None:
        self._engine = engine
        self._files = files
        self._variables = {
            "PATHBOUND_IMAGE": IMAGE,
            "PATHBOUND_SECRETS": str(secrets),
            "PATHBOUND_HTTP_PORT": "18080",
            "PATHBOUND_HTTP_PORTS": "18080-18081",
            "PATHBOUND_PROMETHEUS_PORT": "19090",
            "PATHBOUND_GRAFANA_PORT": "13000",
        }

    def compose(self, *arguments: str, timeout: float = 120) -> str:
        return self._engine.compose(*self._files, *arguments, timeout=timeout, **self._variables)

    def cli(self, *arguments: str) -> str:
        """`pathbound …` beside the others."""
        return self.compose("run", "--rm", "--no-deps", "--no-TTY", "cli", *arguments)

    def containers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.compose("ps", "--all", "--format", "json").splitlines()]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fresh ones, as the script makes them."""
    directory = tmp_path_factory.mktemp("secrets")
    subprocess.run([ROOT / "deploy" / "make-secrets", directory], check=True, capture_output=True)
    return directory


@contextmanager
def brought_up(engine: Engine, files: tuple[str, ...], secrets: Path, *services: str) -> Iterator[System]:
    """Up, and afterwards gone without a trace."""
    system = System(engine, files, secrets)
    try:
        system.compose("up", "--detach", "--wait", "--no-build", *services, timeout=_UP_DEADLINE_S)
        yield system
    except BaseException:
        print(system.compose("ps", "--all"), system.compose("logs", "--no-color", "--tail", "5"))
        raise
    finally:
        system.compose("--profile", "dev", "down", "--volumes", "--timeout", "20", timeout=180)
    assert engine.docker("ps", "--all", "--quiet") == ""
    assert engine.docker("volume", "ls", "--quiet") == ""
    networks = engine.docker("network", "ls", "--format", "{{.Name}}").split()
    assert sorted(networks) == ["bridge", "host", "none"]


@pytest.mark.parametrize("files", [ONE, THREE], ids=["one of each", "scaled"])
def test_the_files_are_valid(engine: Engine, files: tuple[str, ...]) -> None:
    config = json.loads(engine.compose(*files, "--profile", "dev", "config", "--format", "json"))
    services = config["services"]
    assert set(services) >= ROLES | SERVERS | {"init", "mongo-init", "cli", "seed"}
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), f"{name} has no limits"
        assert service["cap_drop"] == ["ALL"], name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name


async def test_five_minutes(engine: Engine, image: str, secrets: Path) -> None:
    with brought_up(engine, ONE, secrets) as system:
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {new_key(system)}"}) as client:
            await become_a_contact(system, client, "v-77", write_to=API, read_from=API)
            await check_monitoring(client)
        system.cli("feed", "verify")
        check_containers(system)


async def test_two_of_each_on_three_servers_each(engine: Engine, image: str, secrets: Path) -> None:
    # Without the others of their kind: the machine that tries it may have two cores.
    with brought_up(engine, THREE, secrets, "api", "relay", "consume-tracker") as system:
        roles = [container["Service"] for container in system.containers()]
        assert [roles.count(name) for name in ("api", "relay", "consume-tracker")] == [2, 2, 2]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {new_key(system)}"}) as client:
            await become_a_contact(system, client, "v-78", write_to=API, read_from=OTHER_API)
        system.cli("feed", "verify")
        check_containers(system)


def new_key(system: System) -> str:
    scopes = [word for scope in Scope for word in ("--scope", scope.value)]
    said = system.cli("keys", "create", "--tenant", "dev", "--json", *scopes)
    return str(json.loads(said.strip().splitlines()[-1])["api_key"])


async def become_a_contact(
    system: System, client: aiohttp.ClientSession, visitor: str, *, write_to: str, read_from: str
) -> None:
    """A visit first, then the contact: both are in the timeline."""
    sent = system.cli("send", "tracker", "--tenant", "dev", "--visitor-id", visitor)
    assert f"Sent page_view of visitor {visitor}" in sent
    grace = {"email": "grace@example.com", "visitor_id": visitor}
    async with client.post(f"{write_to}/v1/contacts", json=grace) as created:
        assert created.status == 201, await created.text()
        contact_id = (await created.json())["contact"]["contact_id"]

    async def timeline() -> list[str]:
        events = (await get(client, f"{read_from}/v1/contacts/events/{contact_id}"))["events"]
        return sorted(event["event"] for event in events) if len(events) > 1 else []

    assert await eventually(timeline, _SOON_S, "the visit is in the timeline") == ["contact_created", "page_view"]


async def get(client: aiohttp.ClientSession, url: str, **query: str) -> Any:
    async with client.get(url, params=query) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def check_monitoring(client: aiohttp.ClientSession) -> None:
    """Prometheus finds every role; Grafana has its dashboards."""

    async def all_up() -> bool:
        found = (await get(client, f"{PROMETHEUS}/api/v1/query", query="up == 1"))["data"]["result"]
        return {series["metric"]["role"] for series in found} == ROLES

    await eventually(all_up, _SOON_S, "Prometheus reads the metrics of every role")
    titles = [found["title"] for found in await get(client, f"{GRAFANA}/api/search")]
    given = [json.loads(path.read_text())["title"] for path in sorted((ROOT / "deploy" / "grafana").glob("*.json"))]
    assert titles == given


def check_containers(system: System) -> None:
    """Everything that serves is healthy, was never started again, and has said nothing secret."""
    for container in system.containers():
        once = container["Service"] in ("init", "mongo-init")
        assert container["State"] == ("exited" if once else "running"), container
        assert container["ExitCode"] == 0, container
        assert container["Health"] == ("" if once else "healthy"), container
    assert "mongodb://" not in system.compose("logs", "--no-color")
