"""All metrics: their names, what they tell, and their labels, in one place; `docs/metrics.md` is the page for readers.

Labels have few values, known beforehand: never an id, a key, a prompt or an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; the last is the longest wait that a client may ask for."""
CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STAGE_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
ROW_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128)

UNKNOWN_TASK = "unknown"
"""The task of a submission that was refused before it was known."""


@dataclass(frozen=True)
class Metric:
    """One metric as it is scraped; `kind` says how it is counted, `where` which process tells it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    where: Literal["api", "worker"] = "worker"

    def counter(self, registry: CollectorRegistry) -> Counter:
        """An instrument that only grows."""
        return Counter(self.name, self.help, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """An instrument that is told single values."""
        return Histogram(self.name, self.help, self.labels, registry=registry, buckets=self.buckets)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """An instrument that is set."""
        return Gauge(self.name, self.help, self.labels, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """A gauge that is read at the moment of a scrape."""
        return GaugeMetricFamily(self.name, self.help, labels=self.labels)


def new_registry() -> CollectorRegistry:
    """A registry of one process. Without the times at which series began: each would be a series more."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return CollectorRegistry(auto_describe=True)


SUBMITS = Metric(
    "inlay_submits_total",
    "counter",
    "Submissions by task and by what came of them: accepted, replayed, or the code of the problem.",
    ("task", "outcome"),
    where="api",
)
REQUEST_DURATION = Metric(
    "inlay_http_request_duration_seconds",
    "histogram",
    "Seconds from a request's first byte to the beginning of its answer.",
    ("method", "route", "status"),
    REQUEST_BUCKETS,
    where="api",
)
UPLOAD_BYTES = Metric("inlay_upload_bytes_total", "counter", "Bytes of request bodies that arrived.", where="api")
REDIS_UP = Metric("inlay_redis_up", "gauge", "Whether Redis answered this scrape, 1 or 0.", where="api")
QUEUE_DEPTH = Metric("inlay_queue_depth", "gauge", "Jobs that wait for a worker.", where="api")
QUEUE_AGE = Metric(
    "inlay_queue_oldest_job_age_seconds",
    "gauge",
    "Seconds since the oldest job at the head of the queue was submitted; 0 when none waits.",
    where="api",
)
QUEUE_BOUND = Metric("inlay_queue_bound", "gauge", "Jobs that may wait; further ones are refused.", where="api")
QUEUE_BYTES = Metric("inlay_queue_bytes", "gauge", "Bytes of the pictures of unfinished jobs.", where="api")
QUEUE_BYTES_BOUND = Metric(
    "inlay_queue_bound_bytes",
    "gauge",
    "Bytes that pictures of unfinished jobs may take; further ones are refused; 0: no bound.",
    where="api",
)
OLDEST_UNFINISHED = Metric(
    "inlay_jobs_oldest_unfinished_age_seconds",
    "gauge",
    "Seconds since the oldest job that has no end was submitted; 0 when there is none.",
    where="api",
)
JOBS_UNFINISHED = Metric("inlay_jobs_unfinished", "gauge", "Jobs that have been accepted and have no end.", where="api")
JOBS_RUNNING = Metric("inlay_jobs_running", "gauge", "Jobs that live workers have taken and not ended.", where="api")
WORKERS = Metric("inlay_workers", "gauge", "Workers alive, by state.", ("state",), where="api")
WORKERS_WAITING = Metric("inlay_workers_waiting", "gauge", "Workers that are ready and have no job.", where="api")
REDIS_MEMORY = Metric("inlay_redis_memory_used_bytes", "gauge", "Memory that Redis has used.", where="api")
REDIS_BOUND = Metric(
    "inlay_redis_memory_max_bytes", "gauge", "Memory that Redis may use, its maxmemory; 0 without one.", where="api"
)
WEBHOOK_ATTEMPTS = Metric(
    "inlay_webhook_attempts_total",
    "counter",
    "Attempts to deliver a webhook by outcome: delivered, or why it failed.",
    ("outcome",),
    where="api",
)
WEBHOOKS_GIVEN_UP = Metric(
    "inlay_webhooks_given_up_total",
    "counter",
    "Webhooks that were never delivered and are not tried again.",
    where="api",
)
WEBHOOKS_PENDING = Metric("inlay_webhooks_pending", "gauge", "Webhooks that are still to be delivered.", where="api")
WEBHOOK_AGE = Metric(
    "inlay_webhook_oldest_pending_age_seconds",
    "gauge",
    "Seconds since the oldest webhook that is still to be delivered was made; 0 when there is none.",
    where="api",
)

BATCH_ROWS = Metric(
    "inlay_worker_batch_rows",
    "histogram",
    "Rows of one evaluation, without padding, by kind; a guided picture has two.",
    ("kind",),
    ROW_BUCKETS,
)
EVALUATION_DURATION = Metric(
    "inlay_worker_evaluation_duration_seconds",
    "histogram",
    "Seconds of one evaluation, by kind and by its rows with padding.",
    ("kind", "padded_rows"),
    CALL_BUCKETS,
)
BUSY_SECONDS = Metric(
    "inlay_worker_busy_seconds_total", "counter", "Seconds in which the device evaluated; its rate is the busy share."
)
OUT_OF_MEMORY = Metric(
    "inlay_worker_out_of_memory_total",
    "counter",
    "Evaluations that did not fit into memory and were tried again in halves, by kind.",
    ("kind",),
)
DEVICE_MEMORY = Metric(
    "inlay_worker_device_memory_bytes", "gauge", "Memory of the device that this process holds; 0 on a CPU."
)
DEVICE_MEMORY_BOUND = Metric("inlay_worker_device_memory_max_bytes", "gauge", "Memory that the device has; 0 on a CPU.")
HOST_MEMORY = Metric("inlay_worker_resident_memory_bytes", "gauge", "Memory of the host that this process holds.")
STANDSTILL = Metric(
    "inlay_worker_standstill_seconds",
    "gauge",
    "Seconds since the engine last ended a call, or said that there is nothing to do; or of a longer call beside it.",
)
CALL_RETRIES = Metric(
    "inlay_worker_call_retries_total",
    "counter",
    "Evaluations that failed, so that each of their pictures was tried by itself, by kind.",
    ("kind",),
)
JOINS = Metric("inlay_worker_joins_total", "counter", "Pictures that began while others were being sampled.")
REJECTS = Metric(
    "inlay_worker_rejects_total", "counter", "Queue entries that were taken and not run, by reason.", ("reason",)
)
RETRIES = Metric("inlay_worker_retries_total", "counter", "Jobs that were taken for a second or later attempt.")
GIVEN_BACK = Metric("inlay_worker_given_back_total", "counter", "Jobs that went back to the queue, as when draining.")
TAKEN_OVER = Metric("inlay_worker_taken_over_total", "counter", "Abandoned jobs that this worker's sweep queued again.")
JOBS_ENDED = Metric(
    "inlay_worker_jobs_ended_total",
    "counter",
    "Jobs ended by this worker, by task and outcome: succeeded, canceled, or the code of the failure.",
    ("task", "outcome"),
)
STAGE_DURATION = Metric(
    "inlay_worker_stage_duration_seconds",
    "histogram",
    "Seconds that a job spent in a stage, by task.",
    ("task", "stage"),
    STAGE_BUCKETS,
)
CANCEL_DURATION = Metric(
    "inlay_worker_cancel_duration_seconds",
    "histogram",
    "Seconds from a client's request to cancel a running job to its end.",
    (),
    REQUEST_BUCKETS,
)
NFE = Metric("inlay_worker_nfe_total", "counter", "Network evaluations of finished pictures, by task.", ("task",))
RESULT_BYTES = Metric("inlay_worker_result_bytes_total", "counter", "Bytes of results stored.")

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric, in the order of this page."""
