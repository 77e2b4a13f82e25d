"""May a job be accepted now? Is there room on the queue, is there anybody to do it, and when to try again."""

import math
import time

from app import problem_types
from app.problems import Problem
from app.services import Services
from jobs.record import JobRecord, JobState
from jobs.workers import WorkerPresence

LONGEST_RETRY_S = 60
USUAL_SERVICE_TIME_S = 2.0
"""Assumed until the first job has been measured."""


def check_available(services: Services) -> list[WorkerPresence]:
    """The workers alive now.

    A worker that restarts, or starts together with the API, is waited for `worker_grace_s`; meanwhile jobs queue up.

    Raises:
        Problem: `no_worker` if none has been seen for that long, `queue_full` if there is no room for a job.
    """
    alive = services.glance.alive()
    if not alive:
        _check_grace(services)
    check_room(services, alive)
    return alive


def _check_grace(services: Services) -> None:
    grace_s = services.settings.worker_grace_s
    seen_at = services.workers.last_seen() or services.started_at
    if time.time() - seen_at >= grace_s:
        detail = f"No worker has been seen for {grace_s:g} s."
        raise Problem(problem_types.NO_WORKER, detail, headers={"Retry-After": "10"})


def check_room(services: Services, alive: list[WorkerPresence]) -> None:
    """Raises Problem `queue_full` if the queue is as long as it may be, or a store has no room to spare."""
    depth = services.queue.depth()
    if depth >= services.settings.max_queue_depth:
        raise queue_full(services, alive, f"{depth} jobs wait already.")
    if services.memory.is_short() or services.blobs.is_short():
        raise queue_full(services, alive, "The job store is full; what has ended makes room when it expires.")


def queue_full(services: Services, alive: list[WorkerPresence], detail: str) -> Problem:
    """The problem of a job that there is no room for, with the time until the next one leaves the queue."""
    retry_s = _whole_seconds(_pace_s(services, alive))
    return Problem(problem_types.QUEUE_FULL, detail, headers={"Retry-After": str(retry_s)})


def _pace_s(services: Services, alive: list[WorkerPresence]) -> float:
    """Seconds between two jobs leaving the queue, from the measured running time and the places of all workers."""
    places = sum(worker.max_batch for worker in alive) or 1
    return (services.store.service_time_s() or USUAL_SERVICE_TIME_S) / places


def _whole_seconds(seconds: float) -> int:
    return min(max(math.ceil(seconds), 1), LONGEST_RETRY_S)


def estimate_s(services: Services, record: JobRecord, queue_position: int | None) -> float | None:
    """Seconds until the job ends, as far as measurements tell; None before the first."""
    if record.state.final:
        return 0.0
    if record.progress is not None and record.progress.eta_s is not None:
        return record.progress.eta_s
    run_s = services.store.service_time_s()
    if run_s is None or record.state is JobState.RUNNING:
        return run_s
    ahead = queue_position or 0
    return round(run_s + (ahead * _pace_s(services, services.glance.alive()) if ahead else 0.0), 1)


def retry_after_s(eta_s: float | None) -> int:
    """When to ask for an unfinished job again, in whole seconds, 1 to 60."""
    return _whole_seconds(USUAL_SERVICE_TIME_S if eta_s is None else eta_s)
