"""The descriptions: of the API for programs at /openapi.json and for people at /docs; of what is on Kafka at
/asyncapi.json and /docs/events. None needs a key.

The pages load nothing from anywhere else: Swagger UI's files come from the package `offapi`, which is never imported,
and the browser is told to refuse whatever is not from here.
"""

import json
from collections.abc import Sequence
from importlib.metadata import distribution, version
from pathlib import Path

from aiohttp import web

from schemas.asyncapi import describe_topics
from service.api.endpoint import Endpoint
from service.api.events_page import STYLE, events_page
from service.api.openapi import describe

_PACKAGE = "offapi"
_FILES = {
    "swagger_style.css": "text/css",
    "swagger_bundle.js": "text/javascript",
}
_SECURITY = {
    # Swagger UI draws with inline styles and with images in its style sheet.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_NO_SCRIPT = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_DAY = {"Cache-Control": "public, max-age=86400"}
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pathbound Contacts API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger_style.css">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript; the description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/swagger_bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  validatorUrl: null,
  deepLinking: true,
  defaultModelsExpandDepth: 0
});
"""


def openapi_text(endpoints: Sequence[Endpoint]) -> str:
    """The description as it is committed and served."""
    return json.dumps(describe(endpoints), indent=2, ensure_ascii=False) + "\n"


def asyncapi_text() -> str:
    """The description of what is on Kafka, as it is committed and served."""
    return json.dumps(describe_topics(version("pathbound-contacts")), indent=2, ensure_ascii=False) + "\n"


def docs_routes(endpoints: Sequence[Endpoint]) -> list[web.RouteDef]:
    """Both descriptions, both pages and the pages' files, all made or read once."""
    events = asyncapi_text()
    routes = [
        _fixed("/openapi.json", openapi_text(endpoints).encode(), "application/json", {}),
        _fixed("/docs", _PAGE.encode(), "text/html", _SECURITY),
        _fixed("/docs/start.js", _START.encode(), "text/javascript", _SECURITY),
        _fixed("/asyncapi.json", events.encode(), "application/json", {}),
        _fixed("/docs/events", events_page(json.loads(events)).encode(), "text/html", _NO_SCRIPT),
        _fixed("/docs/events.css", STYLE.encode(), "text/css", _NO_SCRIPT),
    ]
    assets = [_fixed(f"/docs/{name}", _asset(name), kind, _SECURITY | _DAY) for name, kind in _FILES.items()]
    return routes + assets


def _asset(name: str) -> bytes:
    located = distribution(_PACKAGE).locate_file(f"offapi/{name}")
    return Path(str(located)).read_bytes()


def _fixed(path: str, body: bytes, content_type: str, headers: dict[str, str]) -> web.RouteDef:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)

    return web.get(path, serve)
