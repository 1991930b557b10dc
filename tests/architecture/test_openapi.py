"""The API's description is current, valid, complete, and its examples are what they are examples of."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from schemas.errors import ErrorCode
from schemas.scopes import Scope
from service.api.access import INTERCOM_SIGNATURE
from service.api.app import ENDPOINTS, create_app
from service.api.docs import openapi_text
from service.api.errors import answers_by_code
from service.api.limits import ApiLimits
from service.clock import system_clock
from service.ops.health import Checks
from tests.support.openapi import COMMITTED, DOCUMENT, faults, resolve

OPERATIONS = [
    (method, path, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]
NAMES = [f"{method.upper()} {path}" for method, path, _ in OPERATIONS]
DOCUMENTS = ("/openapi.json", "/asyncapi.json")
# The files of the page /docs, and the page of events.
ASSETS = "/docs/"


def test_the_committed_description_is_current() -> None:
    assert COMMITTED.read_text() == openapi_text(ENDPOINTS), "run `make openapi`, and read what has changed"


def test_it_is_valid_openapi() -> None:
    validate(DOCUMENT)


def _schemas(at: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the description, examples left out, with its place."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if isinstance(part, dict):
        yield at, part
        for key, value in part.items():
            if key not in {"example", "examples"}:
                yield from _schemas(f"{at}/{key}", value)


def _obstacles(schema: dict[str, Any]) -> Iterator[str]:
    if isinstance(schema.get("type"), list) and len(set(schema["type"]) - {"null"}) > 1:
        yield "several types at once: Go's generators end"
    if isinstance(schema.get("const"), bool):
        yield "a constant of another type than text: Java does not compile"
    if "properties" in schema and schema.keys() & {"anyOf", "oneOf", "allOf"}:
        yield "alternatives beside properties: clients send those of the first alternative alone"
    if "default" in schema and schema["default"] is None:
        yield "null as a default: what is left out is not what is sent as null, and clients send it"
    if "enum" in schema and "type" not in schema:
        yield "values without a type"
    kinds = schema.get("anyOf", [])
    if (
        "date-time" in [one.get("format") for one in kinds]
        and len([one for one in kinds if one != {"type": "null"}]) > 1
    ):
        yield "a time or something else: Java does not compile"


def test_public_generators_of_clients_can_read_it() -> None:
    found = [f"{at}: {obstacle}" for at, schema in _schemas("#", DOCUMENT) for obstacle in _obstacles(schema)]
    assert not found
    # Generators in Go name an operation's parameters so, beside the schemas.
    parameters = {
        f"{''.join(word.title() for word in operation['operationId'].split('_'))}Params"
        for _, _, operation in OPERATIONS
    }
    assert not parameters & set(DOCUMENT["components"]["schemas"])


def test_every_route_is_described_and_nothing_else() -> None:
    use_cases: Any = object()
    app = create_app(use_cases, Checks(), system_clock, ApiLimits())
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource and not route.resource.canonical.startswith(ASSETS)
    }
    # Where there is GET, HEAD is there too.
    served -= {name.replace("GET", "HEAD", 1) for name in served if name.startswith("GET ")}
    assert served == set(NAMES)
    assert len({operation["operationId"] for _, _, operation in OPERATIONS}) == len(OPERATIONS)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_scope_is_a_named_constant_and_documented(endpoint: Any) -> None:
    operation = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    scopes = [endpoint.scope.value] if endpoint.scope else []
    assert operation["security"] == [{scheme: scopes} for scheme in endpoint.access.security]
    assert set(endpoint.access.security) <= set(DOCUMENT["components"]["securitySchemes"])
    if endpoint.access is INTERCOM_SIGNATURE:
        assert endpoint.scope is None, "a signature has no scopes"
        return
    if endpoint.scope is None:
        assert endpoint.path == "/v1/auth/status", "only the key itself may be asked about with any key"
        return
    assert isinstance(endpoint.scope, Scope)
    assert operation["x-required-scope"] == endpoint.scope.value
    assert f"Required scope: `{endpoint.scope.value}`" in operation["description"]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=NAMES)
def test_examples_are_what_they_are_examples_of(method: str, path: str, operation: dict[str, Any]) -> None:
    contents = [response.get("content", {}) for response in map(resolve, operation["responses"].values())]
    contents.append(operation.get("requestBody", {}).get("content", {}))
    for content in (content["application/json"] for content in contents if "application/json" in content):
        examples = [resolve(example)["value"] for example in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples or path.startswith("/health") or path in DOCUMENTS, f"{method} {path}"
        for example in examples:
            assert not faults(content["schema"], example)


def test_every_error_code_is_described_with_its_statuses() -> None:
    known = answers_by_code()
    # A fault of ours is nothing to write a client for.
    assert set(known) == set(ErrorCode) - {ErrorCode.INTERNAL}
    described: set[tuple[str, str]] = set()
    for _, _, operation in OPERATIONS:
        for status, response in operation["responses"].items():
            examples = resolve(response).get("content", {}).get("application/json", {}).get("examples", {})
            described |= {(code, status) for code in examples}
    unrouted = {(ErrorCode.NOT_FOUND.value, "404"), (ErrorCode.METHOD_NOT_ALLOWED.value, "405")}
    assert described | unrouted >= {(code.value, str(answer.status)) for code, all_ in known.items() for answer in all_}


def test_the_names_that_clients_are_told_to_map_are_there() -> None:
    told = (COMMITTED.parent.parent / "deploy/docs/clients.md").read_text()
    mappings = re.findall(r"(\w+)=(\w+)", " ".join(re.findall(r"--schema-mappings (\S+)", told)))
    schemas = DOCUMENT["components"]["schemas"]
    lists = {name for name in schemas if name.endswith("ListAnswer")}
    assert {name for name, _ in mappings} == lists | {"CreateContact_visitor_id", "ChangeContact_visitor_id"}
    for name, other in mappings:
        owner, _, field = name.partition("_")
        assert field in schemas[owner].get("properties", {}) if field else other in schemas
