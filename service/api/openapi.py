"""The API's description (OpenAPI 3.1), made of the same endpoints and models that serve it.

`schemas/openapi.json` is what this gives, committed; a test fails where they differ (`make openapi` writes it anew).
"""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.answers import HealthAnswer, HealthErrorAnswer
from schemas.errors import ErrorBody, ErrorCode
from schemas.examples import ANSWERS, BODIES, PATH_IDS
from service.api.access import API_KEY
from service.api.endpoint import Endpoint
from service.api.errors import MAX_BODY_BYTES, answers_by_code
from service.api.openapi_parts import (
    HEADERS,
    INFO,
    PARAMETERS,
    REASONS,
    SECURITY_SCHEMES,
    TAGS,
    door_paths,
    ops_paths,
)

Json = dict[str, Any]

_REF = "#/components/schemas/{model}"
_PATH_PART = re.compile(r"{(\w+)}")
_NOT_FOUND = {
    "contact_id": ErrorCode.CONTACT_NOT_FOUND,
    "note_id": ErrorCode.NOTE_NOT_FOUND,
    "action_id": ErrorCode.ACTION_NOT_FOUND,
}
_ALWAYS = (
    ErrorCode.VALIDATION_FAILED,
    ErrorCode.BAD_REQUEST,
    ErrorCode.RATE_LIMITED,
    ErrorCode.STORE_UNAVAILABLE,
    ErrorCode.TIMEOUT,
)
_WITH_BODY = (ErrorCode.MALFORMED_JSON, ErrorCode.NOT_JSON, ErrorCode.BODY_TOO_LARGE)
_BY_CODE = answers_by_code()
_COMMON_HEADERS = ("X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


def describe(endpoints: Sequence[Endpoint]) -> Json:
    """The whole document, in a stable order."""
    schemas, references = _schemas(endpoints)
    components: Json = {
        "securitySchemes": SECURITY_SCHEMES,
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "examples": {code.value: _error_example(code) for code in _BY_CODE},
        "responses": {},
        "schemas": schemas,
    }
    paths: Json = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, components, references)
    for path, item in door_paths().items():
        paths[path] |= item
    paths |= ops_paths(references[HealthAnswer], references[HealthErrorAnswer])
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "tags": TAGS,
        "paths": paths,
        "components": components,
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[Json, dict[type[BaseModel], Json]]:
    """The components, and a reference for each model that an operation names."""
    models: dict[type[BaseModel], None] = {ErrorBody: None, HealthAnswer: None, HealthErrorAnswer: None}
    for endpoint in endpoints:
        models |= dict.fromkeys(model for model in (endpoint.body, endpoint.answer) if model)
    by_model, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    return _for_readers(dict(sorted(definitions["$defs"].items()))), {
        model: by_model[model, "validation"] for model in models
    }


def _operation(endpoint: Endpoint, components: Json, references: dict[type[BaseModel], Json]) -> Json:
    scopes = [endpoint.scope.value] if endpoint.scope else []
    operation: Json = {
        "operationId": endpoint.handle.__name__,
        "tags": [_tag(endpoint.path)],
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "security": [{scheme: scopes} for scheme in endpoint.access.security],
        "parameters": _parameters(endpoint, components["schemas"]),
        "responses": _responses(endpoint, components, references),
    }
    if scopes:
        operation["x-required-scope"] = scopes[0]
    if endpoint.flagged:
        name, scope = endpoint.flagged
        operation["x-required-scope-with"] = {f"{name}=true": scope.value}
    if endpoint.body:
        content = {"schema": references[endpoint.body], "example": BODIES[endpoint.body.__name__]}
        operation["requestBody"] = {
            "required": True,
            "description": f"At most {MAX_BODY_BYTES} bytes.",
            "content": {"application/json": content},
        }
    return operation


def _tag(path: str) -> str:
    literal = [part for part in path.split("/") if part and not part.startswith("{")]
    return {"email-threads": "conversations"}.get(literal[-1], literal[-1] if literal[-1] in TAG_NAMES else literal[1])


TAG_NAMES = frozenset(tag["name"] for tag in TAGS)


def _description(endpoint: Endpoint) -> str:
    said = (endpoint.handle.__doc__ or "").strip()
    if endpoint.scope:
        instead = f"; with `{endpoint.flagged[0]}=true`: `{endpoint.flagged[1].value}`" if endpoint.flagged else ""
        return f"{said}\n\nRequired scope: `{endpoint.scope.value}`{instead}."
    return f"{said}\n\nAny valid API key will do." if endpoint.access is API_KEY else said


def _parameters(endpoint: Endpoint, schemas: Json) -> list[Json]:
    ids = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "example": PATH_IDS[name],
        }
        for name in _PATH_PART.findall(endpoint.path)
    ]
    headers = ["RequestId"]
    if endpoint.method == "POST":
        headers.append("IdempotencyKey")
    if endpoint.if_match:
        headers.append("IfMatch")
    return [*ids, *_query(endpoint.query, schemas), *({"$ref": f"#/components/parameters/{name}"} for name in headers)]


def _query(model: type[BaseModel], schemas: Json) -> list[Json]:
    schema = model.model_json_schema(ref_template=_REF)
    schemas |= _for_readers(schema.get("$defs", {}))
    parameters = []
    for name, described in schema.get("properties", {}).items():
        told = _without_null(described)
        if told is None:
            continue  # a parameter that this list does not have
        description = told.pop("description", "")
        parameters.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "description": description,
                "schema": _for_readers(told),
            }
        )
    return parameters


def _without_null(schema: Json) -> Json | None:
    """In a query string there is no null: a parameter is there or it is not."""
    told = {key: value for key, value in schema.items() if (key, value) != ("default", None)}
    if told.get("type") == "null":
        return None
    kinds = [kind for kind in told.pop("anyOf", []) if kind != {"type": "null"}]
    return {**kinds[0], **told} if kinds else told


def _responses(endpoint: Endpoint, components: Json, references: dict[type[BaseModel], Json]) -> Json:
    names = (*endpoint.headers, *_COMMON_HEADERS)
    if endpoint.method == "POST":
        names = (*names, "Idempotency-Replayed")
    answer = {"schema": references[endpoint.answer], "example": ANSWERS[endpoint.answer.__name__]}
    responses: Json = {
        str(endpoint.status): {
            "description": (endpoint.answer.__doc__ or "").strip(),
            "headers": _headers(names),
            "content": {"application/json": answer},
        }
    }
    codes: dict[int, list[ErrorCode]] = {}
    for code in sorted(errors_of(endpoint)):
        for known in _BY_CODE[code]:
            if known.status != 408 or endpoint.body:
                codes.setdefault(known.status, []).append(code)
    for status in sorted(codes):
        name = _response_name(status, codes[status])
        components["responses"].setdefault(name, _error_response(status, codes[status]))
        responses[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return responses


def _response_name(status: int, codes: list[ErrorCode]) -> str:
    return f"{status}.{'.'.join(codes)}"


def errors_of(endpoint: Endpoint) -> set[ErrorCode]:
    """Every code that this endpoint may answer with (but `internal`, which is a fault of ours)."""
    codes = {*_ALWAYS, *endpoint.access.errors, *endpoint.errors}
    codes |= {_NOT_FOUND[name] for name in _PATH_PART.findall(endpoint.path) if name in _NOT_FOUND}
    codes |= {ErrorCode.TOO_BUSY} if endpoint.method != "GET" else set()
    codes |= {ErrorCode.IDEMPOTENCY_KEY_REUSED} if endpoint.method == "POST" else set()
    codes |= {ErrorCode.PRECONDITION_FAILED} if endpoint.if_match else set()
    return codes | (set(_WITH_BODY) if endpoint.body else set())


def _error_response(status: int, codes: list[ErrorCode]) -> Json:
    extra = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
    limited = () if status == 401 else _COMMON_HEADERS[1:]
    return {
        "description": f"{REASONS[status]}: {', '.join(f'`{code.value}`' for code in codes)}.",
        "headers": _headers((*extra, "X-Request-Id", *limited)),
        "content": {
            "application/json": {
                "schema": {"$ref": _REF.format(model="ErrorBody")},
                "examples": {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in codes},
            }
        },
    }


def _headers(names: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _error_example(code: ErrorCode) -> Json:
    sentence = _BY_CODE[code][0].sentence
    value: Json = {
        "status": "error",
        "error": sentence,
        "code": code.value,
        "request_id": "req_01JD8Y5V0K6Y2Q0A7M3E9B4C1D",
        "timestamp": "2026-11-23T09:30:00.123Z",
    }
    if code is ErrorCode.VALIDATION_FAILED:
        value["details"] = [{"field": "email", "message": "must be an e-mail address, such as ada@example.com"}]
    if code in (ErrorCode.EMAIL_TAKEN, ErrorCode.VISITOR_ID_TAKEN, ErrorCode.IDENTITY_TAKEN):
        value["contact_id"] = PATH_IDS["contact_id"]
    return {"summary": sentence, "value": value}


def _for_readers(schema: Any) -> Any:
    """Without pydantic's titles, which repeat the field's name (a property called `title` is not one of them), and its
    null defaults: what is left out is not what is sent as null, and generated clients sent it."""
    if isinstance(schema, list):
        return [_for_readers(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _for_readers(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and (key, value) != ("default", None)
    }
