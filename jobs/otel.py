"""Spans over OpenTelemetry. Imported only where tracing is switched on: the packages are an extra."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from jobs.record import JobState
from jobs.timeline import Timeline
from jobs.tracing import Answered, Story

NS_PER_S = 1_000_000_000
_PROPAGATOR = TraceContextTextMapPropagator()


def open_otel(service: str) -> OtelTracing:
    """Spans to the OTLP endpoint that the standard `OTEL_EXPORTER_OTLP_…` variables name, in batches."""
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": service}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OtelTracing(provider)


class OtelTracing:
    """Makes spans with a provider of its own; OpenTelemetry's global one is left alone."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("inlay")

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[Answered]:
        """A span of the server, below the client's; named for its route as soon as that is known."""
        with self._tracer.start_as_current_span(method, _context(traceparent), SpanKind.SERVER) as span:

            def answered(route: str, status: int) -> None:
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.request.method": method, "http.route": route})
                if status:
                    span.set_attribute("http.response.status_code", status)
                if status >= 500:
                    span.set_status(Status(StatusCode.ERROR))

            yield answered

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """A span below the current one."""
        with self._tracer.start_as_current_span(name):
            yield

    def traceparent(self) -> str | None:
        """That of the current span."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent")

    def ended(self, story: Story) -> None:
        """`queue` and `run` below the request that submitted the job; in `run` its stages, and `finish`."""
        record, timings = story.record, story.timings
        created, (finishing, finished) = record.created_at.timestamp(), story.transition
        started = created + timings.queue_s
        above = _context(record.origin.traceparent if record.origin else None)
        queue = self._span("queue", above, created)
        queue.end(_ns(started))
        # A job whose submission has no trace gets one of its own.
        beside = trace.set_span_in_context(queue) if above is None else above
        run = self._span("run", beside, started, SpanKind.CONSUMER)
        run.set_attributes(
            {
                "inlay.job.id": record.id,
                "inlay.task": record.spec.task,
                "inlay.outcome": story.outcome,
                "inlay.attempt": record.attempt,
                "inlay.nfe": timings.nfe,
            }
        )
        if story.outcome not in (JobState.SUCCEEDED, JobState.CANCELED):
            run.set_status(Status(StatusCode.ERROR, story.outcome))
        inside = trace.set_span_in_context(run)
        self._stages(timings.timeline, inside, created)
        self._span("finish", inside, finishing).end(_ns(finished))
        run.end(_ns(finished))

    def _stages(self, timeline: Timeline | None, inside: Context, created: float) -> None:
        for one in timeline.stages if timeline is not None else ():
            if one.stage == "queued":
                continue  # told already
            span = self._span(one.stage, inside, created + one.start_s)
            if one.stage == "denoise" and timeline is not None:
                for number, step in enumerate(timeline.steps, 1):
                    seconds = {"inlay.step": number, "inlay.seconds": step.seconds}
                    span.add_event("step", seconds, _ns(created + step.start_s + step.seconds))
            span.end(_ns(created + one.start_s + one.seconds))

    def _span(self, name: str, above: Context | None, start: float, kind: SpanKind = SpanKind.INTERNAL) -> Span:
        return self._tracer.start_span(name, above, kind, start_time=_ns(start))


def _context(traceparent: str | None) -> Context | None:
    """What is remote and above; None if there is nothing valid."""
    context = _PROPAGATOR.extract({"traceparent": traceparent} if traceparent else {})
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _ns(seconds: float) -> int:
    return int(seconds * NS_PER_S)
