"""Nothing accepted is ever lost: jobs of dead workers, and jobs that are on no queue, are put back."""

# mypy: disallow-untyped-calls=False
# RQ's own functions carry no annotations.

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection

from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.registry import clean_registries
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.worker_registration import clean_worker_registry

from jobs import keys
from jobs.connect import RedisClient, redis_away
from jobs.errors import FailureCode, JobNotFound, TransitionRefused
from jobs.record import ActiveClaim, Failure, JobState
from jobs.settings import Settings
from jobs.workers import WorkerRegistry
from worker.entries import AllowedJob
from worker.errors import PoisonJob, RefusedEntry, failure
from worker.metrics import WorkerMetrics
from worker.patience import Patience
from worker.shelf import Shelf

OWN_EVERY = 10
"""In one of so many sweeps a worker that is not let through looks for jobs that are its own by the record only: they
are rare, and workers that all read every active job each second would leave Redis little time for anything else."""

logger = logging.getLogger(__name__)


class Recovery:
    """Compares the index of active jobs with the queue and with the workers that live.

    Every worker runs it, but a lock lets only one of them through in each interval. Everything here may happen twice or
    at the same time elsewhere: transitions are compare-and-set, and a second queue entry is refused when it is taken.
    """

    def __init__(
        self, redis: RedisClient, shelf: Shelf, patience: Patience, settings: Settings, metrics: WorkerMetrics
    ) -> None:
        self._redis = redis
        self._shelf = shelf
        self._patience = patience
        self._settings = settings
        self._metrics = metrics
        self._registry = WorkerRegistry(redis)
        self._rq = Queue(settings.queue_name, connection=redis, job_class=AllowedJob, serializer=JSONSerializer)
        self._sweeps = 0
        self._unowned: set[str] = set()
        self._stray: set[str] = set()

    def sweep(self, name: str, mine: Callable[[], Collection[str]]) -> None:
        """Look once, in the name of worker `name`; `mine` tells the ids that it claims, runs or ends.

        Waits out the time after a failure of Redis in which living workers may seem dead.
        """
        if time.monotonic() - self._patience.gone_at < self._settings.worker_ttl_s:
            return
        self._patience.attempt(lambda: self._sweep(name, mine), None)

    def _sweep(self, name: str, mine: Callable[[], Collection[str]]) -> None:
        self._sweeps += 1
        interval_ms = max(1, int(self._settings.recovery_interval_s * 900))
        is_let_through = self._redis.set(keys.RECOVERY_LOCK, name, nx=True, px=interval_ms)
        if not is_let_through and self._sweeps % OWN_EVERY:
            return
        claims = self._shelf.store.active_claims()
        running = [claim for claim in claims if claim.state is JobState.RUNNING]
        self._take_back_own([claim for claim in running if claim.worker == name], mine())
        if not is_let_through:
            return
        alive = {worker.name for worker in self._registry.alive()}
        # Our own presence may have expired while this process was suspended, and it still runs what it ran.
        lost = [claim for claim in running if claim.worker not in alive | {name}]
        self._each(lost, self._rescue)
        self._check_waiting([claim for claim in claims if claim.state is JobState.QUEUED])
        self._shelf.queue.clear_intermediate(self._is_queued)
        self._shelf.queue.clear_started(self._has_ended)
        clean_registries(self._rq)
        clean_worker_registry(self._rq)

    def _take_back_own(self, claims: Collection[ActiveClaim], mine: Collection[str]) -> None:
        """Jobs that are ours by the record only, as after Redis has lost its last second; seen in two sweeps."""
        unowned = {claim.id: claim for claim in claims if claim.id not in mine}
        self._each([unowned[job_id] for job_id in self._unowned & unowned.keys()], self._rescue)
        self._unowned = set(unowned)

    def _each(self, claims: Collection[ActiveClaim], action: Callable[[ActiveClaim], None]) -> None:
        """What fails with one job is no reason to leave the others."""
        for claim in claims:
            try:
                action(claim)
            except Exception as error:
                if redis_away(error):
                    raise
                logger.exception("a job could not be recovered", extra={"job_id": claim.id})

    def _rescue(self, claim: ActiveClaim) -> None:
        """Queue a job again that has lost its worker; after too many attempts it fails, and if asked to it ends."""
        if self._shelf.store.cancel_requested([claim.id]):
            self._cancel(claim)
        elif claim.attempt >= self._settings.max_attempts:
            self._fail(claim, failure(PoisonJob(claim.attempt)))
        elif self._change(claim, JobState.QUEUED):
            self._shelf.queue.requeue(claim.id)
            self._metrics.taken_over()
            logger.warning("job of a lost worker queued again", extra={"job_id": claim.id, "lost": claim.worker})

    def _check_waiting(self, queued: Collection[ActiveClaim]) -> None:
        """Fail what is too late; queue again what is on no queue as an API or a worker died at the wrong moment.

        Only what two sweeps have seen on no queue: a worker may be taking it right now.
        """
        now = time.time()
        waiting = self._shelf.queue.waiting()
        late = [claim for claim in queued if claim.deadline is not None and now > claim.deadline]
        self._each(late, self._fail_late)
        grace_s = self._settings.recovery_grace_s
        stray = {
            claim.id: claim
            for claim in queued
            if claim not in late and claim.id not in waiting and now - claim.created_at > grace_s
        }
        self._each([stray[job_id] for job_id in self._stray & stray.keys()], self._queue_again)
        self._stray = set(stray)

    def _fail_late(self, claim: ActiveClaim) -> None:
        detail = "The job was not started by its deadline."
        self._fail(claim, Failure(code=FailureCode.DEADLINE_EXCEEDED, detail=detail))

    def _queue_again(self, claim: ActiveClaim) -> None:
        if self._is_queued(claim.id):
            self._shelf.queue.requeue(claim.id)
            logger.warning("job that was on no queue queued again", extra={"job_id": claim.id})

    def _is_queued(self, job_id: str) -> bool:
        return self._shelf.store.state(job_id) == JobState.QUEUED

    def _has_ended(self, job_id: str) -> bool:
        return self._shelf.store.state(job_id) not in (JobState.QUEUED, JobState.RUNNING)

    def _cancel(self, claim: ActiveClaim) -> None:
        """What its worker would have done, had it lived a moment longer."""
        asked_at = self._shelf.store.cancel_requested_at(claim.id)
        if self._change(claim, JobState.CANCELED):
            self._metrics.ended(claim.task, JobState.CANCELED.value)
            if asked_at is not None:
                self._metrics.canceled_after(time.time() - asked_at.timestamp())
            self._shelf.clear(claim.id)
            logger.info("job canceled", extra={"job_id": claim.id, "lost": claim.worker})

    def _fail(self, claim: ActiveClaim, error: Failure) -> None:
        if self._change(claim, JobState.FAILED, error):
            self._metrics.ended(claim.task, error.code.value)
            entry = self._entry(claim.id)
            self._shelf.clear(claim.id)
            if entry is not None:
                self._list_as_failed(entry, error)
            logger.warning("job failed", extra={"job_id": claim.id, "code": error.code.value})

    def _list_as_failed(self, entry: Job, error: Failure) -> None:
        """RQ's list has those that fail while they run; here is no execution to close."""
        ttl_s, why = self._settings.result_ttl_s, f"{error.code.value}: {error.detail}"
        with self._redis.pipeline(transaction=True) as pipe:
            entry.set_status(JobStatus.FAILED, pipeline=pipe)
            self._rq.failed_job_registry.add(entry, ttl=ttl_s, exc_string=why, pipeline=pipe)
            Result.create_failure(entry, ttl_s, why, pipeline=pipe)
            pipe.execute()

    def _entry(self, job_id: str) -> Job | None:
        """RQ's entry of a job; None if there is none, or it is none of ours."""
        try:
            return AllowedJob.fetch(job_id, connection=self._redis, serializer=JSONSerializer)
        except (NoSuchJobError, RefusedEntry, ValueError):
            return None

    def _change(self, claim: ActiveClaim, to: JobState, error: Failure | None = None) -> bool:
        """Make the transition, unless the job has moved on since it was read."""
        try:
            self._shelf.store.move(
                claim.id,
                to,
                expect={claim.state},
                expect_attempt=claim.attempt,
                expect_worker=claim.worker,
                error=error,
            )
        except (JobNotFound, TransitionRefused):
            return False
        return True
