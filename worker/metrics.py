"""What a worker counts, and the port on which it tells it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from prometheus_client import start_http_server

from jobs import metrics as names
from jobs.errors import FailureCode
from jobs.record import JobRecord, Timings
from jobs.settings import Settings
from jobs.spec import TASKS

REFUSED, UNKNOWN, TAKEN, UNREADABLE = "refused", "unknown", "taken", "unreadable"
"""Why an entry is not run: it is none of ours; there is no such job; it runs elsewhere or has ended; its record cannot
be read."""

KINDS = ("denoise", "encode", "decode", "differentiate")
"""Of calls."""


class MetricsPortUnusable(Exception):
    """The worker cannot listen where its metrics are to be served; the message says why."""


class WorkerMetrics:
    """The instruments of one worker; threads may share them. Also the observer of its engine."""

    def __init__(self, device: torch.device) -> None:
        self.registry = registry = names.new_registry()
        self._rows = names.BATCH_ROWS.histogram(registry)
        self._evaluations = names.EVALUATION_DURATION.histogram(registry)
        self._busy = names.BUSY_SECONDS.counter(registry)
        self._out_of_memory = names.OUT_OF_MEMORY.counter(registry)
        self._call_retries = names.CALL_RETRIES.counter(registry)
        self._joins = names.JOINS.counter(registry)
        self._rejects = names.REJECTS.counter(registry)
        self._retries = names.RETRIES.counter(registry)
        self._given_back = names.GIVEN_BACK.counter(registry)
        self._taken_over = names.TAKEN_OVER.counter(registry)
        self._ended = names.JOBS_ENDED.counter(registry)
        self._stages = names.STAGE_DURATION.histogram(registry)
        self._cancels = names.CANCEL_DURATION.histogram(registry)
        for task in TASKS:  # rare and alarming: a first one must be seen to grow, so there is a 0 before it
            self._ended.labels(task, FailureCode.POISON_JOB.value)
        for kind in KINDS:
            self._out_of_memory.labels(kind)
            self._call_retries.labels(kind)
        for reason in (REFUSED, UNKNOWN, TAKEN, UNREADABLE):
            self._rejects.labels(reason)
        self._nfe = names.NFE.counter(registry)
        self._result_bytes = names.RESULT_BYTES.counter(registry)
        self._standstill = names.STANDSTILL.gauge(registry)
        self.out_of_memory_at = float("-inf")
        """Monotonic time of the last call that did not fit into memory."""
        names.DEVICE_MEMORY_BOUND.gauge(registry).set_function(lambda: device_memory_max_bytes(device))
        names.DEVICE_MEMORY.gauge(registry).set_function(lambda: device_memory_bytes(device))
        names.HOST_MEMORY.gauge(registry).set_function(resident_bytes)

    def watch_engine(self, idle_for_s: Callable[[], float]) -> None:
        """Tell, at each scrape, how long the engine has made no progress."""
        self._standstill.set_function(idle_for_s)

    def joined(self, running: int) -> None:
        """A picture was added to those that are sampled; `running` counts it."""
        if running > 1:
            self._joins.inc()

    def evaluated(self, kind: str, rows: int, padded: int, seconds: float) -> None:
        """The networks were called for `rows` rows, padded to `padded`."""
        self._rows.labels(kind).observe(rows)
        self._evaluations.labels(kind, str(padded)).observe(seconds)
        self._busy.inc(seconds)

    def out_of_memory(self, kind: str, rows: int) -> None:
        """A call did not fit into memory."""
        self.out_of_memory_at = time.monotonic()
        self._out_of_memory.labels(kind).inc()

    def retried(self, kind: str, requests: int) -> None:
        """A call failed, and its requests are tried one by one."""
        self._call_retries.labels(kind).inc()

    def rejected(self, reason: str) -> None:
        """A queue entry was taken and is not run: `REFUSED`, `UNKNOWN`, `TAKEN` or `UNREADABLE`."""
        self._rejects.labels(reason).inc()

    def claimed(self, record: JobRecord) -> None:
        """A job was taken."""
        if record.attempt > 1:
            self._retries.inc()

    def given_back(self) -> None:
        """A job went back to the queue."""
        self._given_back.inc()

    def taken_over(self) -> None:
        """An abandoned job was queued again."""
        self._taken_over.inc()

    def stored(self, size_bytes: int) -> None:
        """Results were stored."""
        self._result_bytes.inc(size_bytes)

    def ended(self, task: str, outcome: str, timings: Timings | None = None) -> None:
        """A job has ended; `timings` is None where it never ran here."""
        self._ended.labels(task, outcome).inc()
        if timings is None:
            return
        self._nfe.labels(task).inc(timings.nfe)
        for one in timings.timeline.stages if timings.timeline is not None else ():
            self._stages.labels(task, one.stage).observe(one.seconds)

    def canceled_after(self, seconds: float) -> None:
        """A running job has ended so long after its client had asked for that."""
        self._cancels.observe(max(0.0, seconds))


def serve_metrics(metrics: WorkerMetrics, settings: Settings) -> Callable[[], None]:
    """Serve them over HTTP, if there is to be a port, in a thread of their own; returns how to stop that.

    Raises:
        MetricsPortUnusable: the port is taken, or the address is none of this machine's.
    """
    if settings.metrics_port is None:
        return lambda: None
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, metrics.registry)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        raise MetricsPortUnusable(f"metrics cannot be served on {where}: {error}") from error

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def device_memory_bytes(device: torch.device) -> int:
    """Memory that torch holds on an accelerator, its cache included; 0 on a CPU."""
    return torch.cuda.memory_reserved(device) if device.type == "cuda" else 0


def device_memory_max_bytes(device: torch.device) -> int:
    """Memory that an accelerator has; 0 on a CPU."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0


def resident_bytes() -> int:
    """Memory of the host that this process holds now; where the system does not tell, the most that it ever held."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
