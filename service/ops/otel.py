"""Spans by OpenTelemetry, sent to a collector as OTLP over HTTP. Loaded only where traces are on: an optional extra."""

import threading
import time
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from service.ops.tracing import Attributes, Kind

_PATH = "/v1/traces"
_EXPORT_SECONDS = 5.0
_CLOSE_SECONDS = 1.0
"""How long the end of a process may wait for its last spans."""
_KINDS = {"producer": SpanKind.PRODUCER, "consumer": SpanKind.CONSUMER}


class OtlpTracer:
    """Implements `service.ops.tracing.Tracer`. A thread of its own sends; what it cannot keep up with is dropped, and a
    collector that is away holds nobody up."""

    def __init__(self, endpoint: str, sample_ratio: float, service: str) -> None:
        """`endpoint` is the collector's base address; `service` names the process in its spans."""
        told = {
            "service.namespace": "pathbound",
            "service.name": service,
            "service.version": version("pathbound-contacts"),
        }
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(sample_ratio), resource=Resource.create(told), shutdown_on_exit=False
        )
        self._exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}{_PATH}", timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("pathbound")

    def begin(self, name: str, parent: str | None, attributes: Attributes) -> "_RequestSpan":
        """See Tracer.begin."""
        context = _context(parent) if parent else Context()
        return _RequestSpan(self._tracer.start_span(name, context, SpanKind.SERVER, attributes))

    def tell(self, kind: Kind, name: str, parent: str, seconds: float, attributes: Attributes, *, failed: bool) -> None:
        """See Tracer.tell."""
        ended = time.time_ns()
        began = ended - int(seconds * 1e9)
        span = self._tracer.start_span(name, _context(parent), _KINDS[kind], attributes, start_time=began)
        if failed:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send what there is, in bounded time."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            # It waits before another try, which would come too late.
            self._exporter.shutdown()  # type: ignore[no-untyped-call]


class _RequestSpan:
    """See RequestSpan."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def end(self, attributes: Attributes, *, failed: bool) -> None:
        self._span.set_attributes(attributes)
        if failed:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


def _context(traceparent: str) -> Context:
    """Of a well-formed one: its places are fixed."""
    _, trace_id, span_id, flags = traceparent.split("-")
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(remote), Context())
