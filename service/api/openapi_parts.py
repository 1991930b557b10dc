"""The parts of the API's description that no endpoint says: its title, headers, and the routes without a key."""

from importlib.metadata import version
from typing import Any

from service.api.access import KEY_PARAMETER, SIGNATURE_HEADER
from service.api.endpoint import IDEMPOTENCY_KEY_PATTERN
from service.api.middlewares import HEADER

Json = dict[str, Any]

INFO: Json = {
    "title": "Pathbound Contacts API",
    "version": version("pathbound-contacts"),
    "summary": "People in a CRM: unified profiles, timelines, conversations and notes.",
    "description": (
        "Every request needs an API key (`Authorization: Bearer <api key>`), which belongs to one tenant and has"
        " scopes. Every error has the same body, with a stable `code`; a request that is refused has changed nothing."
        " Unknown fields and query parameters are refused, never ignored."
        " Answers change by addition only: bear with fields and values that you do not know."
        " Timestamps are ISO 8601, in UTC with milliseconds; those sent may carry any offset."
        " A request with `Idempotency-Key` is done once: sent again within 24 hours it gets the first answer again."
        " A W3C `traceparent` is in the logs and in the events of what the request changes."
        " An answer with status 429 or 503 says in `Retry-After` when to try again."
    ),
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
TAGS: list[Json] = [
    {"name": "contacts", "description": "People."},
    {"name": "events", "description": "Timelines."},
    {"name": "conversations", "description": "E-mail and Intercom."},
    {"name": "notes", "description": "Free-form notes on a contact."},
    {"name": "actions", "description": "Changes that are kept with who, when and why."},
    {"name": "batch", "description": "Several contacts in one request."},
    {"name": "identify", "description": "Which identities are one person's."},
    {"name": "track", "description": "The door for visitor events from web pages."},
    {"name": "webhooks", "description": "The doors for what providers send."},
    {"name": "auth", "description": "The API key."},
    {"name": "operation", "description": "Health, figures and this description; no key is needed."},
]
SECURITY_SCHEMES: Json = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "publishableKey": {
        "type": "apiKey",
        "in": "query",
        "name": KEY_PARAMETER,
        "description": "A publishable key, from a page of one of its origins; it may stand in the header as well.",
    },
    "intercomSignature": {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE_HEADER,
        "description": "`sha1=` and the HMAC-SHA1 of the raw body with the tenant's client secret, in hexadecimal.",
    },
}
REASONS = {
    400: "The request is not valid",
    401: "No valid API key or signature",
    403: "The API key may not do this, or not from there",
    404: "Not there, or another tenant's",
    408: "The body did not arrive in time",
    409: "It conflicts with what is there",
    412: "`If-Match` does not match",
    413: "The body is too large",
    415: "The body is not JSON",
    429: "Too many requests with this key",
    503: "Not now; try again after `Retry-After` seconds",
}


def _header(description: str, kind: str = "string", **more: Any) -> Json:
    return {"description": description, "schema": {"type": kind, **more}}


HEADERS: Json = {
    HEADER: _header("The request's id: the one given if it was well formed. It is in the logs and the change feed."),
    "ETag": _header("The contact's version, for `If-Match`.", examples=['"3"']),
    "Location": _header("The path of what was created."),
    "Retry-After": _header("Seconds to wait before trying again.", "integer", minimum=1),
    "WWW-Authenticate": _header("`Bearer`, or the name of the header that the signature belongs in."),
    "RateLimit-Limit": _header("Requests that the key may make at once. Left out where no limit is set.", "integer"),
    "RateLimit-Remaining": _header("How many of them are left.", "integer"),
    "RateLimit-Reset": _header("Seconds until all of them are back.", "integer"),
    "Idempotency-Replayed": _header("`true` where this answer was given before, to the same `Idempotency-Key`."),
}
PARAMETERS: Json = {
    "RequestId": {
        "name": HEADER,
        "in": "header",
        "description": "1 to 128 of `A-Z a-z 0-9 . _ : -` to be known by; anything else is replaced.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body within 24 hours get the first answer again.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "Only if the contact still has this ETag; `*` is any.",
        "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,18}")$', "examples": ['"3"']},
    },
}


def door_paths() -> dict[str, Json]:
    """What browsers and providers ask of a door before they use it."""
    preflight = _bare(
        "track_preflight", "track", "What a browser asks first (CORS).", "204", "Headers say what it may."
    )
    head = _bare("intercom_webhook_url", "webhooks", "What Intercom asks first.", "200", "The address is there.")
    head["parameters"].append(
        {"name": "tenant", "in": "path", "required": True, "schema": {"type": "string"}, "example": "acme"}
    )
    return {"/v1/track": {"options": preflight}, "/v1/webhooks/intercom/{tenant}": {"head": head}}


def _bare(operation_id: str, tag: str, summary: str, status: str, meaning: str) -> Json:
    return {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        "security": [],
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "responses": {
            status: {"description": meaning, "headers": {HEADER: {"$ref": f"#/components/headers/{HEADER}"}}}
        },
    }


def ops_paths(health: Json, unhealthy: Json) -> Json:
    """The routes without a key; `health` and `unhealthy` refer to their schemas."""
    return {
        "/health/live": _health("health_live", "Whether the process moves.", health, unhealthy),
        "/health/ready": _health("health_ready", "Whether requests can be answered.", health, unhealthy),
        "/metrics": _open("metrics", "This process's figures, as Prometheus reads them.", "text/plain"),
        "/openapi.json": _open("openapi_document", "This description.", "application/json", {"type": "object"}),
        "/asyncapi.json": _open(
            "asyncapi_document",
            "What is on Kafka (AsyncAPI 3.0); for people at /docs/events.",
            "application/json",
            {"type": "object"},
        ),
        "/docs": _open("docs_page", "This description, for people.", "text/html"),
    }


def _health(operation_id: str, summary: str, health: Json, unhealthy: Json) -> Json:
    described = _open(operation_id, summary, "application/json", health)
    described["get"]["responses"]["503"] = {
        "description": "Something that is needed does not work.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in ("Retry-After", HEADER)},
        "content": {"application/json": {"schema": unhealthy}},
    }
    return described


def _open(operation_id: str, summary: str, content_type: str, schema: Json | None = None) -> Json:
    answer = {
        "description": summary,
        "headers": {HEADER: {"$ref": f"#/components/headers/{HEADER}"}},
        "content": {content_type: {"schema": schema or {"type": "string"}}},
    }
    operation = {
        "operationId": operation_id,
        "tags": ["operation"],
        "summary": summary,
        "security": [],
        "parameters": [{"$ref": "#/components/parameters/RequestId"}],
        "responses": {"200": answer},
    }
    return {"get": operation}
