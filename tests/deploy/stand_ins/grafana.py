"""The stand-in for Grafana: /api/health, and /api/search with the titles of the dashboards that it was given."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PROVISIONING = Path("/etc/grafana/provisioning")
_DASHBOARDS = Path("/etc/grafana/dashboards")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        answers: dict[str, Any] = {"/api/health": {"database": "ok"}, "/api/search": _dashboards()}
        body = json.dumps(answers.get(path)).encode()
        self.send_response(200 if path in answers else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _dashboards() -> list[dict[str, str]]:
    assert list(_PROVISIONING.glob("datasources/*.yaml")), "no data source was given"
    assert list(_PROVISIONING.glob("dashboards/*.yaml")), "no provider of dashboards was given"
    return [{"title": json.loads(path.read_text())["title"]} for path in sorted(_DASHBOARDS.glob("*.json"))]


if __name__ == "__main__":
    assert Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text().strip(), "no password was given"
    ThreadingHTTPServer(("0.0.0.0", 3000), _Handler).serve_forever()
