"""`python -m deploy.health`: what the image's health check and the runbook ask a process with."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy import health


@contextmanager
def answering(status: int, body: str) -> Iterator[int]:
    """A process that answers every question so; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def asked(port: int) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, health.__file__, "ready"],
        check=False, capture_output=True, text=True, env={"PATHBOUND_OPS_PORT": str(port)},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("status", "body"), [(200, '{"status":"success","degraded":["kafka"]}'), (503, '{"failed":["mongodb"]}')]
)
def test_it_names_what_is_away(status: int, body: str) -> None:
    with answering(status, body) as port:
        code, told, complaint = asked(port)
    line = f"{status}: {body}\n"
    assert (code, told, complaint) == ((0, line, "") if status == 200 else (1, "", line))


def test_silence_is_no() -> None:
    with answering(200, "") as port:
        pass
    assert asked(port) == (1, "", f"Nothing answers on port {port} (ConnectionRefusedError).\n")
