"""Taking jobs off the queue while there is room, beside the engine."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from jobs.errors import JobNotFound, RecordUnreadable, TransitionRefused
from jobs.logs import job_context
from jobs.record import JobRecord, JobState
from jobs.store import new_token
from worker.active import ActiveJob
from worker.assignment import Prepared
from worker.books import BookkeepingWorker
from worker.candidates import Candidates
from worker.company import Company
from worker.entries import AllowedJob
from worker.errors import failure
from worker.metrics import TAKEN, UNKNOWN, UNREADABLE, WorkerMetrics
from worker.patience import Patience
from worker.shelf import Shelf

logger = logging.getLogger(__name__)

IDLE_WAIT_S = 1.0
"""An idle worker waits so long at the queue itself: it is served before those that look now and then."""
BUSY_WAIT_S = 0.02
FULL_WAIT_S = 0.1
"""Until a worker without room looks who waits."""
LOOK_AGAIN_S = 0.25
"""Until a worker that empties itself for a job looks whether another one has taken it."""


class Intake(threading.Thread):
    """Claims jobs for the worker of `books` and lets them join `company`; `prepare` begins to read their uploads.

    A job that must be alone stays at the front of the queue until a worker with nothing else takes it. The first one
    that has seen it takes nothing meanwhile, so that it gets there; the others take what comes behind. An exception
    ends the thread and is left in `failed`.
    """

    def __init__(
        self,
        books: BookkeepingWorker,
        shelf: Shelf,
        company: Company,
        patience: Patience,
        metrics: WorkerMetrics,
        prepare: Callable[[JobRecord], Future[Prepared]],
    ) -> None:
        super().__init__(name="intake", daemon=True)
        self.failed: Exception | None = None
        self._books = books
        self._shelf = shelf
        self._company, self._runner = company, company.runner
        self._patience = patience
        self._metrics = metrics
        self._prepare = prepare
        self._candidates = Candidates(books.connection, shelf.queue.rq.key, books.name)
        self._emptying = False
        """Whether there is a job for which this worker takes nothing else."""
        self._unanswered: tuple[AllowedJob, str] | None = None
        self._closed = False

    @property
    def claiming(self) -> str | None:
        """Id of the job that is being claimed."""
        unanswered = self._unanswered
        return unanswered[0].id if unanswered else None

    def close(self) -> None:
        """Take nothing more; the thread ends soon. Safe in a signal handler."""
        self._closed = True

    def run(self) -> None:
        """The thread's loop."""
        try:
            while not self._closed:
                if not self._patience.attempt(self._take_one, False):
                    self._pause()
        except Exception as error:
            logger.exception("no more jobs can be taken")
            self.failed = error

    def _pause(self) -> None:
        """Until a job has left, or it is time to look again."""
        busy_s = BUSY_WAIT_S if self._company.ids else 0.0
        wait_s = LOOK_AGAIN_S if self._emptying else busy_s if self._company.room > 0 else FULL_WAIT_S
        self._emptying = False
        self._runner.left.wait(max(wait_s, self._patience.pause_s()))
        self._runner.left.clear()

    def _take_one(self) -> bool:
        """Claim the next job; False if there is none, or none that may be taken now."""
        self._unanswered = self._unanswered or self._next()
        if self._unanswered is None:
            return False
        # If Redis goes away here, the same claim is sent again: another one would cost the job an attempt.
        self._claim(*self._unanswered)
        self._unanswered = None
        return True

    def _next(self) -> tuple[AllowedJob, str] | None:
        """The next entry that may be taken now, and a token for its claim."""
        entry = self._chosen() if self._company.ids else self._books.next_entry(IDLE_WAIT_S)
        if entry is not None and self._closed:
            self._shelf.queue.put_back(entry.id)
            return None
        return None if entry is None else (entry, new_token())

    def _chosen(self) -> AllowedJob | None:
        """The first entry that may be taken beside those that are here."""
        if self._company.room <= 0 and self._company.spare_room <= 0:
            return None
        for candidate in self._candidates.look():
            if self._company.admits(candidate.job):
                return self._books.take(candidate.raw_id)
            if candidate.job is not None and self._company.must_be_alone(candidate.job):
                self._emptying = self._candidates.reserve(candidate)
                if self._emptying:
                    return None
        return None

    def _claim(self, entry: AllowedJob, token: str) -> None:
        try:
            self._start(self._shelf.store.claim(entry.id, self._books.name, token=token), entry)
            self._patience.attempt(lambda: self._shelf.queue.taken(entry.id), None)
        except JobNotFound:
            self._books.refuse(entry.id.encode(), "there is no such job, or it was deleted", UNKNOWN)
        except TransitionRefused as refused:
            self._metrics.rejected(TAKEN)
            # Queued twice, or canceled meanwhile; if it runs elsewhere, RQ's books about it are not ours to erase.
            if refused.state in (JobState.QUEUED, JobState.RUNNING):
                self._shelf.queue.forget_taken(entry.id)
            else:
                self._shelf.clear(entry.id)
        except RecordUnreadable as error:
            logger.exception("job failed", extra={"job_id": entry.id})
            self._metrics.rejected(UNREADABLE)
            self._shelf.fail_unreadable(entry.id, failure(error))

    def _start(self, record: JobRecord, entry: AllowedJob) -> None:
        self._metrics.claimed(record)
        with job_context(record):
            logger.info("job taken", extra={"worker": self._books.name, "task": record.spec.task})
        job = ActiveJob(record, entry, None, self._prepare(record))
        try:
            # Before anything can end the job: an execution that is opened after its end is never closed.
            job.execution = self._patience.attempt(lambda: self._books.open(entry), None)
        finally:
            self._runner.offer(job)
