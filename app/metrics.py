"""What the API counts, and what it reads of the queue when it is scraped."""

from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect

from app import problem_types
from app.problems import Problem
from jobs import metrics as names
from jobs.deliveries import AttemptError, DeliveryState
from jobs.errors import BlobsAway
from jobs.queue_watch import QueueFigures, QueueWatch
from jobs.settings import Settings
from jobs.spec import TASKS
from jobs.workers import WorkerState

ACCEPTED, REPLAYED, CLIENT_LEFT = "accepted", "replayed", "client_left"
DELIVERED = "delivered"

READ = (
    names.REDIS_UP,
    names.QUEUE_DEPTH,
    names.QUEUE_AGE,
    names.QUEUE_BYTES,
    names.JOBS_UNFINISHED,
    names.OLDEST_UNFINISHED,
    names.JOBS_RUNNING,
    names.WORKERS,
    names.WORKERS_WAITING,
    names.REDIS_MEMORY,
    names.REDIS_BOUND,
    names.WEBHOOKS_PENDING,
    names.WEBHOOK_AGE,
)
"""What is read from Redis at the moment of a scrape."""


class ApiMetrics:
    """The instruments of one API process; threads may share them."""

    def __init__(self, settings: Settings) -> None:
        self.registry = names.new_registry()
        self.watch = QueueWatch(settings)
        self.submits = names.SUBMITS.counter(self.registry)
        self.requests = names.REQUEST_DURATION.histogram(self.registry)
        self.upload_bytes = names.UPLOAD_BYTES.counter(self.registry)
        self._webhook_attempts = names.WEBHOOK_ATTEMPTS.counter(self.registry)
        for outcome in (DELIVERED, *AttemptError):  # so that the first of each is seen to grow
            self._webhook_attempts.labels(outcome)
        self._webhooks_given_up = names.WEBHOOKS_GIVEN_UP.counter(self.registry)
        names.QUEUE_BOUND.gauge(self.registry).set(settings.max_queue_depth)
        names.QUEUE_BYTES_BOUND.gauge(self.registry).set(settings.max_queue_bytes)
        self.registry.register(QueueCollector(self.watch))

    def scraped(self, accept: str) -> tuple[bytes, str]:
        """All series and their content type, in the form that the header `Accept` prefers; asks Redis."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def count_submit(self, task: object, outcome: str) -> None:
        """Count one submission; whatever was sent as its task, the label is one of few."""
        self.submits.labels(task if task in TASKS else names.UNKNOWN_TASK, outcome).inc()

    def count_webhook(self, error: AttemptError | None, state: DeliveryState) -> None:
        """Count one attempt to deliver a webhook, which is in `state` after it."""
        self._webhook_attempts.labels(error or DELIVERED).inc()
        if state is DeliveryState.GIVEN_UP:
            self._webhooks_given_up.inc()

    @contextmanager
    def counting_refusals(self, task: object = None) -> Iterator[None]:
        """Counts the submission if it is refused inside."""
        try:
            yield
        except Exception as error:
            self.count_submit(task, _code(error))
            raise


def _code(error: Exception) -> str:
    """The code of the problem that an error is answered with."""
    if isinstance(error, Problem):
        return error.kind.code
    if isinstance(error, ClientDisconnect):
        return CLIENT_LEFT
    away = isinstance(error, (RedisError, BlobsAway))
    return (problem_types.STORAGE_UNAVAILABLE if away else problem_types.INTERNAL_ERROR).code


class QueueCollector(Collector):
    """Gauges that are read from Redis, equal in all API processes; without Redis only that it is not there."""

    def __init__(self, watch: QueueWatch) -> None:
        self._watch = watch

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names alone: being registered costs no look at Redis."""
        for metric in READ:
            yield metric.family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges now."""
        figures = self._watch.read()
        yield _single(names.REDIS_UP, 0.0 if figures is None else 1.0)
        if figures is not None:
            yield from _families(figures)


def _families(figures: QueueFigures) -> Iterator[GaugeMetricFamily]:
    ready = [worker for worker in figures.workers if worker.state is WorkerState.READY]
    yield _single(names.QUEUE_DEPTH, figures.waiting)
    yield _single(names.QUEUE_AGE, figures.oldest_age_s)
    yield _single(names.QUEUE_BYTES, figures.upload_bytes)
    yield _single(names.JOBS_UNFINISHED, figures.unfinished)
    yield _single(names.OLDEST_UNFINISHED, figures.oldest_unfinished_age_s)
    yield _single(names.JOBS_RUNNING, sum(worker.running for worker in figures.workers))
    yield _single(names.WORKERS_WAITING, sum(worker.running == 0 for worker in ready))
    yield _single(names.REDIS_MEMORY, figures.memory_used_bytes)
    yield _single(names.REDIS_BOUND, figures.memory_max_bytes)
    yield _single(names.WEBHOOKS_PENDING, figures.webhooks_pending)
    yield _single(names.WEBHOOK_AGE, figures.webhook_age_s)
    by_state, workers = Tally(worker.state for worker in figures.workers), names.WORKERS.family()
    for state in WorkerState:
        workers.add_metric([state.value], by_state[state])
    yield workers


def _single(metric: names.Metric, value: float) -> GaugeMetricFamily:
    family = metric.family()
    family.add_metric([], value)
    return family
