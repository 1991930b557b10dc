"""Traces: off unless asked for, decided by whoever begins them, and in nobody's way."""

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from deploy.cli.main import pathbound
from service.ops import tracing
from service.ops.otel import OtlpTracer
from tests.support.collector import Collector, collecting
from tests.support.waiting import wait_until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector
    tracing.use(None)


def test_nothing_of_it_is_loaded_unless_asked_for() -> None:
    code = (
        "import sys, deploy.cli.api, deploy.cli.relay, deploy.cli.consume;"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert tracing.begin_request("GET", "/v1/contacts", PARENT) is None


def test_without_the_extra_it_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "service.ops.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", None)
    told = CliRunner().invoke(pathbound, ["relay"], env={"PATHBOUND_OTEL_ENDPOINT": "http://127.0.0.1:4318"})
    assert told.exit_code == 1
    assert told.output == (
        "Error: PATHBOUND_OTEL_ENDPOINT is set, and OpenTelemetry is not installed: install the extra `otel`.\n"
    )


@pytest.mark.parametrize("wrong", ["127.0.0.1:4318", "ftp://x", "http://user:password@x", "http://x/?key=1"])
def test_a_wrong_address_is_refused_and_not_repeated(wrong: str) -> None:
    told = CliRunner().invoke(pathbound, ["relay"], env={"PATHBOUND_OTEL_ENDPOINT": wrong})
    assert told.exit_code == 2
    assert "PATHBOUND_OTEL_ENDPOINT" in told.output
    assert wrong not in told.output


def test_who_begins_a_trace_decides_whether_it_is_kept(collector: Collector) -> None:
    tracer = OtlpTracer(collector.address, 0.0, "pathbound-test")
    tracing.use(tracer)
    kept = tracing.begin_request("GET", "/v1/contacts", PARENT)
    ours = tracing.begin_request("GET", "/v1/contacts", None)
    theirs = tracing.begin_request("GET", "/v1/contacts", f"{PARENT[:-1]}0")
    assert kept
    assert ours
    assert theirs
    assert kept.traceparent[:36] == PARENT[:36]
    assert [int(span.traceparent[-2:], 16) & 1 for span in (kept, ours, theirs)] == [1, 0, 0]
    for span in (ours, theirs, kept):
        tracing.end_request(span, 503, "req_1")
    for parent in (ours.traceparent, None, "odd", kept.traceparent):
        tracing.sent(parent, "contacts.changes", 0.5, 1.25)
    tracer.close()

    wait_until(lambda: len(collector.spans) >= 2, 10, "both have come")
    sent, request = sorted(collector.spans, key=lambda span: span.kind)
    assert (sent.trace, sent.parent, sent.attributes["pathbound.outbox_wait_ms"]) == (PARENT[3:35], request.span, 1250)
    assert (request.trace, request.parent, request.failed) == (PARENT[3:35], PARENT[36:52], True)


def test_a_collector_that_is_away_holds_nobody_up(collector: Collector) -> None:
    """More than its queue holds."""
    tracer = OtlpTracer("http://127.0.0.1:1", 1.0, "pathbound-test")
    tracing.use(tracer)
    for _ in range(3000):
        span = tracing.begin_request("GET", "/v1/contacts", None)
        assert span
        tracing.end_request(span, 200, "req_1")
    tracer.close()

    def sending() -> bool:
        return any("Otel" in thread.name or "tracing" in thread.name for thread in threading.enumerate())

    wait_until(lambda: not sending(), 20, "what is left is given up")
