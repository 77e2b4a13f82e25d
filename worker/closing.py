"""The ends of jobs: results written, states changed, books closed; beside the engine, and until it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import Protocol

from jobs.blobs import BlobStore
from jobs.errors import JobNotFound, TransitionRefused
from jobs.queue import JobQueue
from jobs.record import JobState
from jobs.settings import Settings
from jobs.store import JobStore, new_token
from worker import finishing
from worker.active import ActiveJob
from worker.errors import PoisonJob, failure
from worker.patience import GivenUp, Patience

logger = logging.getLogger(__name__)

RUNNING = frozenset({JobState.RUNNING})


class Books(Protocol):
    """RQ's books about an execution."""

    def close(self, job: ActiveJob, error: BaseException | None) -> None:
        """Enter that the execution has ended."""
        ...

    def drop(self, job: ActiveJob) -> None:
        """Forget the execution; the job itself goes on elsewhere or is gone."""
        ...


@dataclass(frozen=True)
class Shelf:
    """Where jobs, their ids and their pictures are kept."""

    store: JobStore
    queue: JobQueue
    blobs: BlobStore


class Closing:
    """Ends jobs in the threads of `executor`. While one is being ended it is listed in `ids`."""

    def __init__(self, shelf: Shelf, books: Books, executor: Executor, patience: Patience, settings: Settings) -> None:
        self._shelf = shelf
        self._books = books
        self._executor = executor
        self._patience = patience
        self._result_ttl_s = settings.result_ttl_s
        self._max_attempts = settings.max_attempts
        self._open: dict[ActiveJob, Future[None]] = {}

    @property
    def ids(self) -> set[str]:
        """Ids of the jobs that are being ended."""
        return {job.id for job in list(self._open)}

    def succeed(self, job: ActiveJob) -> None:
        """Composite, encode and store the pictures, then declare success, unless the client has canceled."""
        self._submit(job, lambda: self._succeed(job))

    def fail(self, job: ActiveJob, error: BaseException) -> None:
        """Declare failure, with what a client may know of `error`."""
        logger.warning("job failed", extra={"job": job.id}, exc_info=error)
        self._submit(job, lambda: self._end(job, JobState.FAILED, error))

    def cancel(self, job: ActiveJob) -> None:
        """Declare that the job was canceled, as its client has asked."""
        self._submit(job, lambda: self._end(job, JobState.CANCELED))

    def give_back(self, job: ActiveJob, *, counted: bool) -> None:
        """Put the job back to the front of the queue; `counted` if the attempt shall count; then the last one fails."""
        self._submit(job, lambda: self._give_back(job, counted))

    def abandon(self, job: ActiveJob) -> None:
        """Leave the job to the execution that owns it by now, or to oblivion if its client has deleted it."""
        logger.info("job belongs to another execution", extra={"job": job.id})
        self._submit(job, lambda: self._patience.insist(lambda: self._books.drop(job)))

    def wait(self, timeout_s: float) -> bool:
        """Wait until all jobs are ended; False if that takes longer."""
        return not wait(list(self._open.values()), timeout_s).not_done

    def _submit(self, job: ActiveJob, action: Callable[[], None]) -> None:
        def run() -> None:
            try:
                action()
            except GivenUp:
                logger.warning("job left for other workers, the store is away", extra={"job": job.id})
            except JobNotFound:
                logger.info("job was deleted", extra={"job": job.id})
                self._patience.insist(lambda: self._books.drop(job))
                self._patience.insist(lambda: self._shelf.queue.remove(job.id))
            except TransitionRefused as refused:
                logger.info("job belongs to another execution", extra={"job": job.id, "state": refused.state})
                self._patience.insist(lambda: self._books.drop(job))
            except Exception as error:
                logger.exception("ending a job failed", extra={"job": job.id})
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
            logger.exception("a job is left for other workers", extra={"job": job.id})
            self._patience.insist(lambda: self._books.drop(job))

    def _succeed(self, job: ActiveJob) -> None:
        shelf, record = self._shelf, job.record
        finished = finishing.finish(
            record, job.preparing.result(), [job.painted[number] for number in range(job.pictures)]
        )
        results = self._patience.insist(
            lambda: finishing.store(record, finished, shelf.blobs, ttl_s=self._result_ttl_s)
        )
        timings, token = job.timings(), new_token()
        try:
            self._patience.insist(
                lambda: shelf.store.move(
                    job.id,
                    JobState.SUCCEEDED,
                    expect=RUNNING,
                    expect_attempt=record.attempt,
                    expect_worker=record.worker,
                    token=token,
                    results=results,
                    timings=timings,
                    quality=finished.quality,
                )
            )
        except (JobNotFound, TransitionRefused) as refused:
            if isinstance(refused, JobNotFound) or refused.reason == "cancel_requested":
                self._patience.insist(lambda: shelf.blobs.delete(result.blob for result in results))
                self._end(job, JobState.CANCELED)
                return
            raise
        self._patience.insist(lambda: shelf.store.record_service_time(timings.run_s))
        self._tidy(job, None)
        logger.info("job succeeded", extra={"job": job.id, "run_s": round(timings.run_s, 3), "nfe": timings.nfe})

    def _end(self, job: ActiveJob, to: JobState, error: BaseException | None = None) -> None:
        timings, token = job.timings(), new_token()
        self._patience.insist(
            lambda: self._shelf.store.move(
                job.id,
                to,
                expect=RUNNING,
                expect_attempt=job.record.attempt,
                expect_worker=job.record.worker,
                token=token,
                timings=timings,
                error=None if error is None else failure(error),
            )
        )
        self._tidy(job, error)
        logger.info("job %s", to.value, extra={"job": job.id})

    def _tidy(self, job: ActiveJob, error: BaseException | None) -> None:
        self._patience.insist(lambda: self._shelf.blobs.delete(job.record.inputs.values()))
        self._patience.insist(lambda: self._books.close(job, error))

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
        logger.info("job given back", extra={"job": job.id})
