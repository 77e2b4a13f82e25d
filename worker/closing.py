"""The ends of jobs: results written, states changed, books closed; beside the engine, and until it is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from datetime import UTC, datetime
from typing import Unpack

from jobs.errors import JobNotFound, TransitionRefused
from jobs.logs import job_context
from jobs.record import JobState, RecordChanges, Timings
from jobs.settings import Settings
from jobs.store import new_token
from jobs.tracing import Story
from worker import finishing
from worker.active import ActiveJob
from worker.books import BookkeepingWorker
from worker.errors import PoisonJob, failure
from worker.patience import GivenUp, Patience
from worker.reporting import Reporting
from worker.shelf import Shelf

logger = logging.getLogger(__name__)

RUNNING = frozenset({JobState.RUNNING})


class Closing:
    """Ends jobs in the threads of `executor`. While one is being ended it is listed in `jobs`."""

    def __init__(
        self,
        shelf: Shelf,
        books: BookkeepingWorker,
        executor: Executor,
        patience: Patience,
        settings: Settings,
        reporting: Reporting,
    ) -> None:
        self._shelf = shelf
        self._reporting = reporting
        self._books = books
        self._executor = executor
        self._patience = patience
        self._result_ttl_s = settings.result_ttl_s
        self._max_attempts = settings.max_attempts
        self._open: dict[ActiveJob, Future[None]] = {}

    @property
    def jobs(self) -> list[ActiveJob]:
        """The jobs that are being ended."""
        return list(self._open)

    def succeed(self, job: ActiveJob) -> None:
        """Composite, encode and store the pictures, then declare success, unless the client has canceled."""
        self._submit(job, lambda: self._succeed(job))

    def fail(self, job: ActiveJob, error: BaseException) -> None:
        """Declare failure, with what a client may know of `error`."""
        logger.warning("job failed", extra={"job_id": job.id}, exc_info=error)
        self._submit(job, lambda: self._end(job, JobState.FAILED, error))

    def cancel(self, job: ActiveJob) -> None:
        """Declare that the job was canceled, as its client has asked."""
        self._submit(job, lambda: self._end(job, JobState.CANCELED))

    def give_back(self, job: ActiveJob, *, counted: bool) -> None:
        """Put the job back to the front of the queue; `counted` if the attempt shall count; then the last one fails."""
        self._submit(job, lambda: self._give_back(job, counted))

    def abandon(self, job: ActiveJob) -> None:
        """Leave the job to the execution that owns it by now, or to oblivion if its client has deleted it."""
        logger.info("job belongs to another execution", extra={"job_id": job.id})
        self._submit(job, lambda: self._patience.insist(lambda: self._books.drop(job)))

    def wait(self, timeout_s: float) -> bool:
        """Wait until all jobs are ended; False if that takes longer."""
        return not wait(list(self._open.values()), timeout_s).not_done

    def _submit(self, job: ActiveJob, action: Callable[[], None]) -> None:
        def run() -> None:
            with job_context(job.record):
                guarded()

        def guarded() -> None:
            try:
                action()
            except GivenUp:
                logger.warning("job left for other workers, the store is away", extra={"job_id": job.id})
            except JobNotFound:
                logger.info("job was deleted", extra={"job_id": job.id})
                self._patience.insist(lambda: self._books.erase(job))
            except TransitionRefused as refused:
                logger.info("job belongs to another execution", extra={"job_id": job.id, "state": refused.state})
                self._patience.insist(lambda: self._books.drop(job))
            except Exception as error:
                logger.exception("ending a job failed", extra={"job_id": job.id})
                self._fail_after_all(job, error)

        def done(_: Future[None]) -> None:
            self._open.pop(job, None)

        future = self._executor.submit(run)
        self._open[job] = future
        future.add_done_callback(done)

    def _fail_after_all(self, job: ActiveJob, error: Exception) -> None:
        try:
            self._end(job, JobState.FAILED, error)
        except Exception:
            logger.exception("a job is left for other workers", extra={"job_id": job.id})
            self._patience.insist(lambda: self._books.drop(job))

    def _succeed(self, job: ActiveJob) -> None:
        shelf, record = self._shelf, job.record
        painted = [job.painted[number] for number in range(job.pictures)]
        with job.stopwatch.measure("composite"):
            finished = finishing.finish(record, job.preparing.result(), painted)
        results = finishing.listed(record, finished)
        with job.stopwatch.measure("store"):
            self._patience.insist(lambda: finishing.store(results, finished, shelf.blobs, ttl_s=self._result_ttl_s))
        self._reporting.stored(results)
        try:
            timings = self._declare(
                job, JobState.SUCCEEDED, results=results, quality=finished.quality, progress=job.progress()
            )
        except (JobNotFound, TransitionRefused) as refused:
            # Under these names nobody will ever look for them.
            self._patience.insist(lambda: shelf.blobs.delete(result.blob for result in results))
            if isinstance(refused, JobNotFound) or refused.reason != "cancel_requested":
                raise
            self._end(job, JobState.CANCELED)
            return
        self._patience.insist(lambda: shelf.store.record_service_time(timings.run_s))
        self._tidy(job, lambda: self._books.close(job, None))
        logger.info("job succeeded", extra={"job_id": job.id, "run_s": round(timings.run_s, 3), "nfe": timings.nfe})

    def _end(self, job: ActiveJob, to: JobState, error: BaseException | None = None) -> None:
        self._declare(job, to, error=None if error is None else failure(error))
        self._tidy(job, lambda: self._books.erase(job) if error is None else self._books.close(job, error))
        logger.info("job %s", to.value, extra={"job_id": job.id})

    def _declare(self, job: ActiveJob, to: JobState, **changes: Unpack[RecordChanges]) -> Timings:
        """Make the final transition, if the job is still ours, and then account for it."""
        token, began, timings = new_token(), time.time(), job.timings()
        changes["timings"] = timings
        self._patience.insist(
            lambda: self._shelf.store.move(
                job.id,
                to,
                expect=RUNNING,
                expect_attempt=job.record.attempt,
                expect_worker=job.record.worker,
                token=token,
                **changes,
            )
        )
        error = changes.get("error")
        outcome = to.value if error is None else error.code.value
        self._reporting.ended(Story(job.record, timings, outcome, (began, time.time())))
        if to is JobState.CANCELED:
            ended_at = datetime.now(UTC)
            asked_at = self._patience.attempt(lambda: self._shelf.store.cancel_requested_at(job.id), None)
            self._reporting.canceled(asked_at, ended_at)
        return timings

    def _tidy(self, job: ActiveJob, enter: Callable[[], None]) -> None:
        self._patience.insist(lambda: self._shelf.blobs.delete(job.record.inputs.values()))
        self._patience.insist(enter)

    def _give_back(self, job: ActiveJob, counted: bool) -> None:
        attempt = job.record.attempt
        if counted and attempt >= self._max_attempts:
            self._end(job, JobState.FAILED, PoisonJob(attempt))
            return
        token = new_token()
        self._patience.insist(
            lambda: self._shelf.store.move(
                job.id,
                JobState.QUEUED,
                expect=RUNNING,
                expect_attempt=attempt,
                expect_worker=job.record.worker,
                token=token,
                attempt=attempt if counted else attempt - 1,
            )
        )
        self._patience.insist(lambda: self._books.drop(job))
        self._patience.insist(lambda: self._shelf.queue.requeue(job.id))
        self._reporting.given_back()
        logger.info("job given back", extra={"job_id": job.id})
