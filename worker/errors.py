"""What can go wrong with one job in the worker, and what a client is told about it."""

from __future__ import annotations

from jobs.errors import BlobMissing, FailureCode
from jobs.record import Failure
from sampler.errors import DivergedError
from sampler.faults import out_of_memory


class WorkerError(Exception):
    """Base of this room's exceptions."""


class InputUnreadable(WorkerError):
    """A stored upload is not what the API promises to store."""


class UnknownModel(WorkerError):
    """The job asks for a model that this worker does not hold."""


class TaskUnavailable(WorkerError):
    """The worker lacks a network that the task needs."""


class BeyondModel(WorkerError):
    """The worker's model is too small to add anything to the upload; the message is for the client."""


class DeadlineExceeded(WorkerError):
    """The client's deadline has passed."""


class RefusedEntry(WorkerError):
    """A queue entry asks for something else than to run one job by id."""


class ModelUnusable(WorkerError):
    """The configured model cannot be served; the message says why."""


class PoisonJob(WorkerError):
    """Too many workers have died on the job, or lost their device."""

    def __init__(self, attempts: int) -> None:
        super().__init__(f"{attempts} workers died on it")
        self.attempts = attempts


class DeviceLost(WorkerError):
    """The accelerator's context is broken: nothing can be evaluated until the process starts anew."""


def failure(error: BaseException) -> Failure:
    """The code and the sentence for a client; never a traceback, a path or a host."""
    match error:
        case DeadlineExceeded():
            return Failure(code=FailureCode.DEADLINE_EXCEEDED, detail="The job was not finished by its deadline.")
        case PoisonJob(attempts=attempts):
            detail = f"Its worker died {attempts} times while running it."
            return Failure(code=FailureCode.POISON_JOB, detail=detail)
        case BlobMissing():
            return Failure(code=FailureCode.INPUT_MISSING, detail="An uploaded file is no longer stored.")
        case InputUnreadable():
            return Failure(code=FailureCode.INPUT_UNREADABLE, detail="An uploaded file could not be read.")
        case UnknownModel():
            return Failure(code=FailureCode.UNKNOWN_MODEL, detail="No worker serves the model that was asked for.")
        case TaskUnavailable():
            return Failure(code=FailureCode.TASK_UNAVAILABLE, detail="The worker has no network that sees styles.")
        case BeyondModel():
            return Failure(code=FailureCode.BEYOND_MODEL, detail=str(error))
        case DivergedError():
            return Failure(code=FailureCode.DIVERGED, detail="Sampling diverged; another seed or guidance may help.")
    if out_of_memory(error):
        return Failure(code=FailureCode.OUT_OF_MEMORY, detail="The picture does not fit into the worker's memory.")
    return Failure(code=FailureCode.INTERNAL_ERROR, detail="The job failed inside the worker.")
