"""Exceptions of this room, and the codes with which a job can fail."""

from __future__ import annotations

from enum import StrEnum

from jobs.uploads import Held


class JobError(Exception):
    """Base of every exception raised by `jobs`."""


class JobExists(JobError):
    """A record with this id is already stored."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} exists already")
        self.job_id = job_id


class SubmissionRepeated(JobError):
    """The caller has submitted this under the same idempotency key before: `job_id` came of it."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} came of the same submission")
        self.job_id = job_id


class IdempotencyKeyReused(JobError):
    """The caller has used this idempotency key for another submission."""


class TooManyActiveJobs(JobError):
    """As many of the caller's jobs as may are not final yet."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} jobs are not final")
        self.limit = limit


class QueueTooLong(JobError):
    """As many jobs wait as may."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} jobs wait")
        self.waiting = waiting


class UploadsTooLarge(JobError):
    """There is no room for these pictures beside those of unfinished jobs."""

    def __init__(self, held: Held) -> None:
        super().__init__(f"the pictures of {held.jobs} jobs take {held.bytes} bytes")
        self.held = held


class JobNotFound(JobError):
    """There is no record with this id: never created, deleted, or expired."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job {job_id}")
        self.job_id = job_id


class RecordUnreadable(JobError):
    """What is stored is no record that this version can read, as after an upgrade of the API alone."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the record of job {job_id} cannot be read")
        self.job_id = job_id


class TransitionRefused(JobError):
    """The record was not in a state from which the asked transition may start.

    `state` is what was found, `reason` is one of `state`, `attempt` or `worker` (another execution owns
    the job by now) and `cancel_requested` (a canceled job cannot succeed).
    """

    def __init__(self, job_id: str, state: str, to: str, reason: str) -> None:
        super().__init__(f"job {job_id} is {state}, cannot become {to} ({reason})")
        self.job_id = job_id
        self.state = state
        self.to = to
        self.reason = reason


class BlobMissing(JobError):
    """The blob was never stored, was deleted, or has expired."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no blob {key}")
        self.key = key


class BlobsAway(JobError):
    """The blob store does not answer, or does not do what it is asked, for a reason that may pass."""


class BlobsUnusable(JobError):
    """The blob store that is asked for cannot be used at all; the message says why, for the operator."""


class FailureCode(StrEnum):
    """Why a job failed; stable, part of the HTTP contract (`error.code`)."""

    POISON_JOB = "poison_job"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    INPUT_MISSING = "input_missing"
    INPUT_UNREADABLE = "input_unreadable"
    UNKNOWN_MODEL = "unknown_model"
    TASK_UNAVAILABLE = "task_unavailable"
    BEYOND_MODEL = "beyond_model"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    INTERNAL_ERROR = "internal_error"
