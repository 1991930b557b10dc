"""A collector of OpenTelemetry's traces on the loopback, that keeps what it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True)
class CollectedSpan:
    """Ids in hexadecimal; `parent` is empty for the first one of a trace. `kind` and `failed` as OTLP has them."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    kind: str
    failed: bool
    attributes: dict[str, str | int]


@dataclass
class Collector:
    """`raw` is all that came, to the byte."""

    address: str
    raw: bytes = b""
    spans: list[CollectedSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                self.spans += [_collected(service, span) for span in scope.spans]

    def of(self, trace: str) -> list[CollectedSpan]:
        """A trace's spans so far."""
        return [span for span in self.spans if span.trace == trace]


def _collected(service: str, span: Span) -> CollectedSpan:
    return CollectedSpan(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        span=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=Span.SpanKind.Name(span.kind),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes={one.key: one.value.string_value or one.value.int_value for one in span.attributes},
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                collector.take(body)
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
