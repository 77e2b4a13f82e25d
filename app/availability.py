"""May a job be accepted now? Is there room on the queue, is there anybody to do it, and when to try again."""

import math
import time
from dataclasses import dataclass

from app import problem_types
from app.places import LONGEST_RETRY_S
from app.problems import Problem
from app.services import Services
from jobs.admission import Standing
from jobs.record import JobRecord, JobState
from jobs.uploads import Held
from jobs.workers import WorkerPresence

USUAL_SERVICE_TIME_S = 2.0
"""Assumed until the first job has been measured."""


@dataclass(frozen=True)
class Place:
    """Where a job stands: jobs before it in the queue, None unless it waits, and seconds until it ends, if known."""

    queue_position: int | None
    eta_s: float | None


def check_available(services: Services, upload_bytes: int) -> list[WorkerPresence]:
    """The workers alive now.

    A worker that restarts, or starts together with the API, is waited for `worker_grace_s`; meanwhile jobs queue up.

    Raises:
        Problem: `no_worker` if none has been seen for that long, `queue_full` if there is no room for a job with such
            an upload.
    """
    alive = services.glance.alive()
    if not alive:
        _check_grace(services)
    _check_room(services, alive, upload_bytes)
    services.outlook.good(alive)
    return alive


def _check_grace(services: Services) -> None:
    grace_s = services.settings.worker_grace_s
    seen_at = services.workers.last_seen() or services.started_at
    if time.time() - seen_at >= grace_s:
        detail = f"No worker has been seen for {grace_s:g} s."
        raise Problem(problem_types.NO_WORKER, detail, headers={"Retry-After": "10"})


def _check_room(services: Services, alive: list[WorkerPresence], upload_bytes: int) -> None:
    depth = services.queue.depth()
    if depth >= services.settings.max_queue_depth:
        raise queue_too_long(services, alive, depth)
    # Uploads count as they were sent: who is refused here costs no decoding. The step that queues a job counts what is
    # kept, so this need not be exact.
    if upload_bytes and (bound := services.settings.max_queue_bytes):
        held = services.uploads.held(at_most=bound - upload_bytes)
        if held.jobs and held.bytes + upload_bytes > bound:
            raise uploads_too_large(services, alive, held, upload_bytes)
    if services.memory.is_short() or services.blobs.is_short():
        raise queue_full(services, alive, "The job store is full; what has ended makes room when it expires.")


def queue_too_long(services: Services, alive: list[WorkerPresence], waiting: int) -> Problem:
    """As many jobs wait as may."""
    return queue_full(services, alive, f"{waiting} jobs wait already.")


def uploads_too_large(services: Services, alive: list[WorkerPresence], held: Held, upload_bytes: int) -> Problem:
    """Unfinished jobs hold too many bytes: so many of them must end as have, on average, what is wanted."""
    missing_bytes = held.bytes + upload_bytes - services.settings.max_queue_bytes
    leaving = math.ceil(missing_bytes * held.jobs / held.bytes)
    detail = f"The pictures of {held.jobs} unfinished jobs take {held.bytes} bytes already."
    return queue_full(services, alive, detail, leaving=min(leaving, held.jobs))


def queue_full(services: Services, alive: list[WorkerPresence], detail: str, *, leaving: int = 1) -> Problem:
    """The problem of a job that there is no room for, with the time until so many more have left the queue."""
    retry_s = _whole_seconds(max(leaving, 1) * _pace_s(services.store.service_time_s(), alive))
    return Problem(problem_types.QUEUE_FULL, detail, headers={"Retry-After": str(retry_s)})


def _pace_s(run_s: float | None, alive: list[WorkerPresence]) -> float:
    """Seconds between two jobs leaving the queue, from the measured running time and the places of all workers."""
    places = sum(worker.max_batch for worker in alive) or 1
    return (run_s or USUAL_SERVICE_TIME_S) / places


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
    return place_of(Standing(queue_position, run_s), services.glance.alive() if queue_position else []).eta_s


def place_of(standing: Standing, alive: list[WorkerPresence]) -> Place:
    """The place of a job that waits."""
    ahead, run_s = standing.ahead, standing.run_s
    return Place(ahead, None if run_s is None else round(run_s + (ahead or 0) * _pace_s(run_s, alive), 1))


def retry_after_s(eta_s: float | None) -> int:
    """When to ask for an unfinished job again, in whole seconds, 1 to 60."""
    return _whole_seconds(USUAL_SERVICE_TIME_S if eta_s is None else eta_s)
