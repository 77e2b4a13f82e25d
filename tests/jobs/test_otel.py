"""Spans that a worker makes of a job's timeline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from jobs.otel import OtelTracing
from jobs.record import JobRecord, Origin, Timings
from jobs.timeline import MOST_STEPS, timeline
from jobs.tracing import Story, trace_id
from tests.jobs.conftest import NewRecord

CREATED = 1_700_000_000.0
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> OtelTracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return OtelTracing(provider)


def story(record: JobRecord, outcome: str = "succeeded", steps: int = 2, traceparent: str | None = PARENT) -> Story:
    spans = [(2.0 + number, 3.0 + number) for number in range(steps)]
    told = timeline([("queued", 0.0, 1.0), ("prepare", 1.0, 2.0), ("denoise", 2.0, 2.0 + steps)], spans)
    record = record.model_copy(
        update={
            "created_at": datetime.fromtimestamp(CREATED, UTC),
            "origin": None if traceparent is None else Origin(traceparent=traceparent),
        }
    )
    return Story(record, Timings(queue_s=1.0, run_s=5.0, nfe=4, timeline=told), outcome, (CREATED + 6, CREATED + 7))


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def seconds(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.start_time / 1e9 - CREATED, span.end_time / 1e9 - CREATED


def test_spans_lie_where_the_timeline_says(
    tracing: OtelTracing, exporter: InMemorySpanExporter, new_record: NewRecord
) -> None:
    tracing.ended(story(new_record()))
    told = spans(exporter)
    assert {name: seconds(span) for name, span in told.items()} == {
        "queue": (0.0, 1.0),
        "run": (1.0, 7.0),
        "prepare": (1.0, 2.0),
        "denoise": (2.0, 4.0),
        "finish": (6.0, 7.0),
    }
    assert [event.timestamp / 1e9 - CREATED for event in told["denoise"].events] == [3.0, 4.0]
    assert told["run"].status.is_ok
    assert {format(span.context.trace_id, "032x") for span in told.values() if span.context} == {trace_id(PARENT)}


def test_failures_are_errors_and_cancellations_are_not(
    tracing: OtelTracing, exporter: InMemorySpanExporter, new_record: NewRecord
) -> None:
    tracing.ended(story(new_record(), "diverged"))
    assert not spans(exporter)["run"].status.is_ok
    exporter.clear()
    tracing.ended(story(new_record(), "canceled"))
    assert spans(exporter)["run"].status.is_ok


def test_a_job_of_very_many_steps_is_told_without_them(
    tracing: OtelTracing, exporter: InMemorySpanExporter, new_record: NewRecord
) -> None:
    tracing.ended(story(new_record(), steps=MOST_STEPS + 1))
    assert spans(exporter)["denoise"].events == ()


def test_a_job_whose_submission_has_no_trace_gets_one_of_its_own(
    tracing: OtelTracing, exporter: InMemorySpanExporter, new_record: NewRecord
) -> None:
    tracing.ended(story(new_record(), traceparent=None))
    told = spans(exporter)
    assert len({span.context.trace_id for span in told.values() if span.context}) == 1
    assert told["queue"].parent is None


def test_a_client_that_does_not_want_its_trace_recorded_is_heeded(
    tracing: OtelTracing, exporter: InMemorySpanExporter, new_record: NewRecord
) -> None:
    with tracing.request("POST", PARENT[:-2] + "00") as answered:
        handed_on = tracing.traceparent()
        answered("/v1/jobs", 202)
    assert trace_id(handed_on) == trace_id(PARENT)
    tracing.ended(story(new_record(), traceparent=handed_on))
    assert spans(exporter) == {}


def test_a_request_that_fails_is_an_error_under_the_name_of_its_route(
    tracing: OtelTracing, exporter: InMemorySpanExporter
) -> None:
    with tracing.request("POST", None) as answered:
        answered("/v1/jobs", 503)
    span = spans(exporter)["POST /v1/jobs"]
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["http.response.status_code"] == 503
