"""Taking jobs off the queue: while there is room in the batch, and without keeping the engine waiting."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

from jobs.errors import JobNotFound, RecordUnreadable, TransitionRefused
from jobs.logs import job_context
from jobs.record import JobRecord, JobState
from jobs.store import new_token
from worker.active import ActiveJob
from worker.assignment import Prepared
from worker.books import BookkeepingWorker
from worker.company import Company
from worker.entries import AllowedJob
from worker.errors import failure
from worker.metrics import TAKEN, UNKNOWN, UNREADABLE, WorkerMetrics
from worker.patience import Patience
from worker.shelf import Shelf

logger = logging.getLogger(__name__)

IDLE_WAIT_S = 1.0
BUSY_WAIT_S = 0.02
LOOK_AGAIN_S = 0.25
"""Until a worker that has turned a job away looks whether another one has taken it."""


class Intake:
    """Claims jobs for the worker of `books` and lets them join `company`; `prepare` begins to read their uploads.

    A job that must be alone stays at the front of the queue until a worker with nothing else takes it. Meanwhile those
    that have seen it take nothing, so that one of them gets there. For the engine's thread only, but for `claiming`.
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
        self._books = books
        self._shelf = shelf
        self._company, self._runner = company, company.runner
        self._patience = patience
        self._metrics = metrics
        self._prepare = prepare
        self._turned_away_at = float("-inf")
        self._unanswered: tuple[AllowedJob, str] | None = None

    @property
    def claiming(self) -> str | None:
        """Id of the job that is being claimed."""
        unanswered = self._unanswered
        return unanswered[0].id if unanswered else None

    def pause(self) -> None:
        """Take nothing; wait a little when there is nothing to sample."""
        if not self._runner.sampling:
            time.sleep(BUSY_WAIT_S)

    def take(self, until: Callable[[], bool]) -> None:
        """Take jobs while there is room, `until` something else is due; wait for one only with nothing to sample."""
        if self._company.room <= 0 or (self._company.ids and self._turned_away_s() < LOOK_AGAIN_S):
            self.pause()
            return
        wait_s = None if self._runner.sampling else BUSY_WAIT_S if self._runner.ids else IDLE_WAIT_S
        if self._patience.pause_s() > 0 and wait_s is not None:
            time.sleep(min(wait_s, self._patience.pause_s()))
        taken = self._patience.attempt(lambda: self._take_one(wait_s), False)
        while taken and self._company.room > 0 and not until():
            taken = self._patience.attempt(lambda: self._take_one(None), False)

    def _take_one(self, wait_s: float | None) -> bool:
        """Claim the next job; False if there is none, or none that may be taken now."""
        self._unanswered = self._unanswered or self._next(wait_s)
        if self._unanswered is None:
            return False
        # If Redis goes away here, the same claim is sent again: another one would cost the job an attempt.
        self._claim(*self._unanswered)
        self._unanswered = None
        return True

    def _next(self, wait_s: float | None) -> tuple[AllowedJob, str] | None:
        """The next entry that may be taken now, and a token for its claim."""
        entry = self._books.next_entry(wait_s)
        if entry is not None and self._company.ids and not self._company.admits(self._shelf.store.begun(entry.id)):
            self._turned_away_at = time.monotonic()
            self._shelf.queue.put_back(entry.id)
            return None
        return None if entry is None else (entry, new_token())

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

    def _turned_away_s(self) -> float:
        return time.monotonic() - self._turned_away_at

    def _start(self, record: JobRecord, entry: AllowedJob) -> None:
        self._metrics.claimed(record)
        with job_context(record):
            logger.info("job taken", extra={"worker": self._books.name, "task": record.spec.task})
        job = ActiveJob(record, entry, None, self._prepare(record))
        self._runner.add(job)
        job.execution = self._patience.attempt(lambda: self._books.open(entry), None)
