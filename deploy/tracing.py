"""Traces for as long as a command runs, if its settings ask for them."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from service.ops import tracing
from service.settings import Settings, TracingSettings


@contextmanager
def traced(settings: Settings, command: str) -> Iterator[None]:
    """`command` is as typed (`pathbound consume gmail`); with hyphens it names the process in its spans."""
    if not isinstance(settings, TracingSettings) or not settings.otel_endpoint:
        yield
        return
    try:
        from service.ops.otel import OtlpTracer
    except ModuleNotFoundError:
        sentence = "PATHBOUND_OTEL_ENDPOINT is set, and OpenTelemetry is not installed: install the extra `otel`."
        raise click.ClickException(sentence) from None
    tracer = OtlpTracer(settings.otel_endpoint, settings.otel_sample_ratio, command.replace(" ", "-"))
    tracing.use(tracer)
    try:
        yield
    finally:
        tracing.use(None)
        tracer.close()
