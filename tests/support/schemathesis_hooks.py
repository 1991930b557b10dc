"""What the API's description says in words and no schema can say, told to schemathesis so that it sends valid data.

Strategies for `format` stand for rules in code (e-mail addresses, visitor ids); the hook for what no strategy can make.
"""

import hashlib
import hmac
import json
import os
import string
from datetime import UTC, datetime
from typing import Any

import schemathesis
from hypothesis import strategies as st
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import GenerationMode

from schemas.contacts import MAX_NESTING
from schemas.json_schema import FREE_VALUE

_WORD = st.text(string.ascii_lowercase, min_size=1, max_size=12)
_ADDRESS = st.builds("{}.{}@{}.example".format, _WORD, _WORD, _WORD)
_MOMENT = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat())

schemathesis.openapi.format("email", _ADDRESS)
schemathesis.openapi.format("visitor-id", st.builds("v_{}".format, _WORD))
schemathesis.openapi.format("date-time", _MOMENT)
schemathesis.openapi.format("iso-8601", _MOMENT)
schemathesis.openapi.format("search", st.lists(_WORD, min_size=1, max_size=3).map(" ".join))


class _SignedByIntercom(AuthBase):
    """Signs the body as it goes out."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        assert isinstance(body, str | bytes), "nothing is streamed"
        raw = body.encode() if isinstance(body, str) else body
        secret = os.environ.get("PATHBOUND_TEST_WEBHOOK_SECRET", "").encode()
        request.headers["X-Hub-Signature"] = f"sha1={hmac.new(secret, raw, hashlib.sha1).hexdigest()}"
        return request


_register: Any = schemathesis.auth  # its types leave out what it has
_register.set_from_requests(_SignedByIntercom()).apply_to(path="/v1/webhooks/intercom/{tenant}")


def _ids_of(parameters: dict[str, Any]) -> dict[str, str]:
    known: dict[str, str] = json.loads(os.environ.get("PATHBOUND_TEST_IDS", "{}"))
    return {name: known[name] for name in parameters if name in known}


def _free_value(levels: int) -> dict[str, Any]:
    scalars: list[dict[str, Any]] = [{"type": "null"}, {"type": "boolean"}, {"type": "string"}, {"type": "number"}]
    if not levels:
        return {"anyOf": scalars}
    inner = _free_value(levels - 1)
    keys = {"pattern": r"^[^\u0000]*$"}
    values = {"type": "object", "propertyNames": keys, "additionalProperties": inner}
    return {"anyOf": [*scalars, {"type": "array", "items": inner}, values]}


_FREE = {FREE_VALUE.format(containers=levels): _free_value(levels) for levels in range(MAX_NESTING)}


def _with_limits(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_limits(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.keys() == {"description"} and schema["description"] in _FREE:
        return _FREE[schema["description"]]
    return {key: _with_limits(value) for key, value in schema.items()}


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """What schemas can say and generators of clients cannot read."""
    raw_schema["components"] = _with_limits(raw_schema["components"])
    # And one that schemathesis makes no header by.
    etag = {"type": "string", "pattern": r'^(W/)?"[0-9]{1,18}"$', "examples": ['"3"']}
    raw_schema["components"]["parameters"]["IfMatch"]["schema"] = {"anyOf": [{"const": "*"}, etag]}
    raw_schema["components"]["schemas"]["Identify"]["anyOf"] = [
        {"required": ["external_id"], "properties": {"external_id": {"type": "string"}}},
        {"required": ["anonymous_id"], "properties": {"anonymous_id": {"type": "string"}}},
        {"required": ["traits"], "properties": {"traits": {"type": "object", "required": ["email"]}}},
    ]


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Of valid requests only: what is invalid is to stay so."""
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.method != "DELETE":
        # What is there, so that answers have something in them; deletion keeps to what the run itself has made.
        case.path_parameters = {**case.path_parameters, **_ids_of(case.path_parameters)}
    if case.query:
        # A cursor is good only if it was given, and pages reach 100,000 items.
        case.query.pop("cursor", None)
        if int(case.query.get("page") or 1) > 1000:
            case.query["page"] = 1000
    if isinstance(case.body, dict) and "email" in case.body and isinstance(case.body.get("properties"), dict):
        # A new contact's properties may repeat its address, and hold no other.
        case.body["properties"].pop("email", None)
