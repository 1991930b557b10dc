"""The architecture keeps itself: who may import whom (design, "Packages"), and no circles."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "service", "consumers", "deploy")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}

# What each place may import of ours, and of others'. The longest matching prefix decides.
MAY_IMPORT_OURS = {
    "schemas": ("schemas",),
    "service": ("schemas", "service"),
    "consumers": ("schemas", "consumers", "service"),
    "deploy": PACKAGES,
}
ONLY_IN = {
    "motor": ("service.mongo",),
    # The local stack sets up a replica set before there is any service.
    "pymongo": ("service.mongo", "deploy.stack"),
    "bson": ("service.mongo",),
    "aiokafka": ("service.kafka", "consumers.runtime"),
    "aiohttp": ("service.api", "service.ops", "deploy"),
    "click": ("deploy",),
    "prometheus_client": ("service.ops",),
    "opentelemetry": ("service.ops.otel",),
    "testcontainers": ("deploy.stack",),
    "confluent_kafka": ("deploy.stack",),
}
SCHEMAS_MAY_IMPORT = {"pydantic", "pydantic_core", "email_validator", *sys.stdlib_module_names}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import module` is an import of that module.
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    for name in imports_of(MODULES[module]):
        top = name.partition(".")[0]
        if top in PACKAGES:
            assert within(name, MAY_IMPORT_OURS[module.partition(".")[0]]), f"{module} must not import {name}"
        if top in ONLY_IN:
            assert within(module, ONLY_IN[top]), f"{module} must not import {top}"
        if module.startswith("schemas") and top not in PACKAGES:
            assert top in SCHEMAS_MAY_IMPORT, f"schemas must not import {top}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("consumers")])
def test_consumers_are_a_door_beside_the_api(module: str) -> None:
    for name in imports_of(MODULES[module]):
        assert not within(name, ("service.api", "service.mongo")), f"{module} must not import {name}"


CORE = tuple(
    f"service.{name}"
    for name in (
        "access actions background contacts conversations erasure export feed idempotency identity imports".split()
        + "intake ledger notes outbox profile redrive timeline trace".split()
    )
)
DOORS = ("service.api", "service.mongo", "service.kafka")


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, CORE) or name == "service.ports"])
def test_the_core_knows_no_http_and_no_database(module: str) -> None:
    for name in imports_of(MODULES[module]):
        assert not within(name, DOORS), f"{module} must not import {name}"


def test_no_circles() -> None:
    graph = {module: {name for name in imports_of(path) if name in MODULES} for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"circle: {' -> '.join((*path[path.index(module) :], module))}"
        if module not in done:
            for name in sorted(graph[module] - {module}):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_a_pure_normalise_does_no_io() -> None:
    for module, path in MODULES.items():
        if module.endswith(".normalise"):
            assert not {"asyncio", "aiokafka", "motor", "os", "time"} & set(imports_of(path)), module


IMPLEMENTED = sorted(
    {named for path in MODULES.values() for named in re.findall(r"[Ii]mplements `([\w.]+)\.(\w+)`", path.read_text())}
)


@pytest.mark.parametrize(("module", "port"), IMPLEMENTED)
def test_a_docstring_names_a_port_where_it_is_defined(module: str, port: str) -> None:
    assert re.search(rf"^class {port}\b", MODULES[module].read_text(), re.MULTILINE)


def test_files_stay_small() -> None:
    long = {name: lines for name, path in MODULES.items() if (lines := path.read_text().count("\n")) > 300}
    assert not long
