"""The committed description of the API, as tests hold answers against it."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.api import Reply

COMMITTED = Path(__file__).parents[2] / "schemas" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text())


def resolve(described: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document, if it is one."""
    while "$ref" in described:
        target: Any = DOCUMENT
        for part in described["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        described = target
    return described


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """What is wrong with `value`: a field that is not described, too."""
    components = strict_schema(DOCUMENT["components"])
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": components}
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(whole).iter_errors(value)]


def assert_described(method: str, path: str, reply: Reply) -> None:
    """The answer has a status, a body and headers that the description gives for the operation."""
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    assert str(reply.status) in responses, f"{method} {path} may not answer {reply.status}: {reply.body}"
    response = resolve(responses[str(reply.status)])
    [(content_type, content)] = response["content"].items()
    assert reply.headers["Content-Type"].startswith(content_type)
    if content_type == "application/json":
        assert not faults(content["schema"], reply.body), (method, path, reply)
    for name in {"ETag", "Location", "Retry-After", "X-Request-Id"} & set(response.get("headers", {})):
        assert name in reply.headers, (method, path, name)


def strict_schema(schema: Any) -> Any:
    """The same schema, that minds fields which are not described."""
    if isinstance(schema, list):
        return [strict_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    stricter = {key: strict_schema(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        stricter.setdefault("additionalProperties", False)
    return stricter
