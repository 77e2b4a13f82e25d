"""The jobs that a worker has taken, and the engine that samples them together."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import torch
from redis.exceptions import RedisError

from jobs.connect import redis_away
from jobs.store import JobStore
from sampler.engine import Engine, Finished, Ticket
from sampler.evaluation import Report
from sampler.faults import device_lost
from worker.active import ActiveJob
from worker.announcer import Announcer
from worker.assignment import Prepared
from worker.closing import Closing
from worker.errors import DeadlineExceeded, DeviceLost
from worker.patience import GivenUp, Patience
from worker.process import Painted, run_job

logger = logging.getLogger(__name__)


class Runner:
    """Drives all taken jobs, one round of evaluations at a time. For the engine's thread only, but for `ids`."""

    def __init__(
        self,
        engine: Engine[Painted],
        store: JobStore,
        closing: Closing,
        patience: Patience,
        announcer: Announcer,
        *,
        max_pictures: int,
    ) -> None:
        self._engine = engine
        self._store = store
        self._closing = closing
        self._patience = patience
        self._announcer = announcer
        self._max_pictures = max_pictures
        self._jobs: dict[str, ActiveJob] = {}
        self._owner: dict[Ticket, ActiveJob] = {}

    @property
    def jobs(self) -> list[ActiveJob]:
        """The jobs that are prepared or sampled."""
        return list(self._jobs.values())

    @property
    def ids(self) -> set[str]:
        """Their ids."""
        return set(self._jobs)

    @property
    def room(self) -> int:
        """Pictures that may still be taken; a job of several pictures may exceed it."""
        return self._max_pictures - sum(job.pictures for job in self.jobs)

    @property
    def sampling(self) -> bool:
        """Whether the engine has something to evaluate."""
        return self._engine.running > 0

    def add(self, job: ActiveJob) -> None:
        """Take a claimed job in; it is sampled as soon as it is prepared.

        It takes the place of an execution that lost it, as when this process was suspended for a while.
        """
        superseded = self._jobs.get(job.id)
        if superseded is not None:
            self._closing.abandon(self._drop(superseded))
        self._jobs[job.id] = job

    def turn(self) -> None:
        """What should stop stops, what is prepared starts, and one call answers as many pictures as go together.

        Raises:
            DeviceLost: nothing can be evaluated any more; all jobs are still here to be given back.
        """
        self._stop_canceled()
        self._stop_late()
        self._start_prepared()
        with torch.inference_mode():
            ended = self._engine.step()
        for finished in ended:
            self._collect(finished)

    def give_back(self, *, counted: bool, which: Callable[[ActiveJob], bool] = lambda job: True) -> None:
        """Stop jobs and let other workers have them."""
        for job in self.jobs:
            if which(job):
                self._drop(job)
                self._closing.give_back(job, counted=counted)

    def _stop_canceled(self) -> None:
        ids = list(self._jobs)
        stopped: set[str] = set()
        if ids:
            stopped = self._patience.attempt(lambda: self._store.cancel_requested(ids), stopped)
        for job_id in stopped:
            self._closing.cancel(self._drop(self._jobs[job_id]))

    def _stop_late(self) -> None:
        now = time.time()
        for job in self.jobs:
            deadline = job.record.deadline()
            if deadline is not None and now > deadline:
                self._closing.fail(self._drop(job), DeadlineExceeded())

    def _start_prepared(self) -> None:
        for job in [job for job in self._jobs.values() if job.sampling_since is None and job.preparing.done()]:
            error = job.preparing.exception()
            if error is not None:
                self._end_unprepared(job, error)
                continue
            prepared = job.preparing.result()
            job.sampling_since = time.monotonic()
            for number in range(job.pictures):
                self._start_picture(job, prepared, number)

    def _end_unprepared(self, job: ActiveJob, error: BaseException) -> None:
        if device_lost(error):
            raise DeviceLost from error
        if isinstance(error, GivenUp) or redis_away(error):
            self._closing.give_back(self._drop(job), counted=False)
        else:
            self._closing.fail(self._drop(job), error)

    def _start_picture(self, job: ActiveJob, prepared: Prepared, number: int) -> None:
        def on_report(report: Report) -> None:
            self._report(job, number, report)

        process = run_job(prepared.plan, number, job.stopwatch.pictures[number])
        ticket = self._engine.add(process, on_report, owner=job.record.caller)
        job.tickets[ticket] = number
        self._owner[ticket] = job

    def _report(self, job: ActiveJob, number: int, report: Report) -> None:
        before = job.progress().step
        job.steps_done[number] = report.step
        job.stopwatch.pictures[number].step()
        if number == 0:
            job.estimate = report.x0_hat
        progress = job.progress()
        if progress.step == before:
            return
        try:
            owned = self._patience.attempt(
                lambda: self._store.report_progress(
                    job.id, progress, attempt=job.record.attempt, worker=job.record.worker
                ),
                True,
            )
        except RedisError:
            # Nothing that Redis says about a report is worth a job.
            logger.exception("progress could not be reported", extra={"job_id": job.id})
            return
        if owned:
            self._announcer.offer(job, progress)
        else:
            self._closing.abandon(self._drop(job))

    def _collect(self, finished: Finished[Painted]) -> None:
        job = self._owner.pop(finished.ticket, None)
        if job is None:
            return
        if finished.error is not None and device_lost(finished.error):
            raise DeviceLost from finished.error
        number = job.tickets.pop(finished.ticket)
        if finished.result is None:
            self._closing.fail(self._drop(job), finished.error or RuntimeError("a process ended with nothing"))
            return
        job.painted[number] = finished.result
        if len(job.painted) == job.pictures:
            self._closing.succeed(self._drop(job))

    def _drop(self, job: ActiveJob) -> ActiveJob:
        for ticket in job.tickets:
            self._engine.remove(ticket)
            self._owner.pop(ticket, None)
        job.tickets.clear()
        if self._jobs.get(job.id) is job:
            del self._jobs[job.id]
        return job
