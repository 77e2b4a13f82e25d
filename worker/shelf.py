"""Where jobs, their ids and their pictures are kept."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from jobs.blobs import BlobStore
from jobs.errors import JobNotFound, TransitionRefused
from jobs.queue import JobQueue
from jobs.record import Failure, JobState
from jobs.store import JobStore


@dataclass(frozen=True)
class Shelf:
    """The three stores of a job."""

    store: JobStore
    queue: JobQueue
    blobs: BlobStore

    def clear(self, job_id: str) -> None:
        """Take a job that has ended off the queue, and its uploads away; the record need not be readable."""
        self.queue.remove(job_id)
        self.blobs.delete(self.store.input_blobs(job_id))

    def fail_unreadable(self, job_id: str, error: Failure) -> None:
        """End a job whose record this version cannot read: every worker would take it and stumble."""
        with suppress(JobNotFound, TransitionRefused):
            self.store.move(job_id, JobState.FAILED, expect={JobState.QUEUED, JobState.RUNNING}, error=error)
        self.clear(job_id)
