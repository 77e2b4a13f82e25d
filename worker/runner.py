"""The jobs that a worker has taken, and the engine that samples them together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import torch

from jobs.connect import redis_away
from sampler.engine import Engine, Finished, Ticket
from sampler.evaluation import Report
from sampler.faults import device_lost
from worker.active import ActiveJob
from worker.assignment import Prepared
from worker.closing import Closing
from worker.courier import Courier
from worker.errors import DeadlineExceeded, DeviceLost
from worker.patience import GivenUp
from worker.process import Painted, run_job


class Runner:
    """Drives all taken jobs, one round of evaluations at a time, and never waits for Redis.

    For the engine's thread only, but for `offer`, `jobs`, `ids`, and `left`, which is set whenever a job leaves.
    """

    def __init__(self, engine: Engine[Painted], closing: Closing, courier: Courier) -> None:
        self._engine = engine
        self._closing = closing
        self._courier = courier
        self._lock = threading.Lock()
        self._offered: list[ActiveJob] = []
        self._jobs: dict[str, ActiveJob] = {}
        self._owner: dict[Ticket, ActiveJob] = {}
        self._woken = threading.Event()
        self.left = threading.Event()

    @property
    def jobs(self) -> list[ActiveJob]:
        """The jobs that were offered, or are prepared or sampled."""
        with self._lock:
            return [*self._jobs.values(), *self._offered]

    @property
    def ids(self) -> set[str]:
        """Their ids."""
        return {job.id for job in self.jobs}

    @property
    def sampling(self) -> bool:
        """Whether the engine has something to evaluate."""
        return self._engine.running > 0

    def offer(self, job: ActiveJob) -> None:
        """Hand over a claimed job; it is taken in by the next turn, and sampled as soon as it is prepared."""
        with self._lock:
            self._offered.append(job)
        job.preparing.add_done_callback(lambda _: self._woken.set())
        self._woken.set()

    def wait(self, timeout_s: float) -> None:
        """Until a job was offered or is prepared, but no longer."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def turn(self) -> None:
        """What should stop stops, what is prepared starts, and one call answers as many pictures as go together.

        Raises:
            DeviceLost: nothing can be evaluated any more; all jobs are still here to be given back.
        """
        self._take_in()
        self._follow_orders()
        self._stop_late()
        self._start_prepared()
        with torch.inference_mode():
            ended = self._engine.step()
        for finished in ended:
            self._collect(finished)

    def give_back(self, *, counted: bool, which: Callable[[ActiveJob], bool] = lambda job: True) -> None:
        """Stop jobs and let other workers have them."""
        self._take_in()
        for job in list(self._jobs.values()):
            if which(job):
                self._end(job, partial(self._closing.give_back, counted=counted))

    def _take_in(self) -> None:
        """A job takes the place of an execution that lost it, as when this process was suspended for a while."""
        superseded = []
        with self._lock:
            offered, self._offered = self._offered, []
            for job in offered:
                if (before := self._jobs.get(job.id)) is not None:
                    superseded.append(before)
                self._jobs[job.id] = job
        for job in offered:
            self._courier.follow(job)
        for job in superseded:
            self._end(job, self._closing.abandon)

    def _follow_orders(self) -> None:
        canceled, lost = self._courier.orders()
        for job in canceled | lost:
            if self._jobs.get(job.id) is job:
                # A deleted job is both; its cancel erases what RQ has of it, and leaves one that others own to them.
                self._end(job, self._closing.cancel if job in canceled else self._closing.abandon)

    def _stop_late(self) -> None:
        now = time.time()
        for job in list(self._jobs.values()):
            deadline = job.record.deadline()
            if deadline is not None and now > deadline:
                self._end(job, partial(self._closing.fail, error=DeadlineExceeded()))

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
            self._end(job, partial(self._closing.give_back, counted=False))
        else:
            self._end(job, partial(self._closing.fail, error=error))

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
        if progress.step != before:
            self._courier.post(job, progress)

    def _collect(self, finished: Finished[Painted]) -> None:
        job = self._owner.pop(finished.ticket, None)
        if job is None:
            return
        if finished.error is not None and device_lost(finished.error):
            raise DeviceLost from finished.error
        number = job.tickets.pop(finished.ticket)
        if finished.result is None:
            error = finished.error or RuntimeError("a process ended with nothing")
            self._end(job, partial(self._closing.fail, error=error))
            return
        job.painted[number] = finished.result
        if len(job.painted) == job.pictures:
            self._end(job, self._closing.succeed)

    def _end(self, job: ActiveJob, action: Callable[[ActiveJob], None]) -> None:
        """Stop a job and have it closed by `action`; at every moment it is listed here or there."""
        for ticket in job.tickets:
            self._engine.remove(ticket)
            self._owner.pop(ticket, None)
        job.tickets.clear()
        self._courier.forget(job)
        action(job)
        with self._lock:
            if self._jobs.get(job.id) is job:
                del self._jobs[job.id]
        self.left.set()
